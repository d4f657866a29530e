//! The folder with the contexts and the selection.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Context, ContextError, reference};

/// Largest file that is read, in bytes. Embedded credentials make a context large.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The contexts of one user.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The contexts of the user who runs this: below `$XDG_CONFIG_HOME`, else below `~/.config`.
    ///
    /// # Errors
    /// When there is no home directory.
    pub fn open_default() -> Result<Self, ContextError> {
        let root = match std::env::var_os("XDG_CONFIG_HOME").filter(|v| !v.is_empty()) {
            Some(root) => PathBuf::from(root),
            None => std::env::home_dir()
                .filter(|home| !home.as_os_str().is_empty())
                .ok_or(ContextError::NoHome)?
                .join(".config"),
        };
        Ok(Self::at(root))
    }

    /// Contexts below `root/nats`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `nats` folder of this store: other tools of the family keep their files there too.
    pub fn folder(&self) -> PathBuf {
        self.root.join("nats")
    }

    /// The file of a context, whether it exists or not.
    ///
    /// # Errors
    /// A bad name.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, ContextError> {
        check_name(name)?;
        Ok(self.contexts().join(format!("{name}.json")))
    }

    /// Names of all contexts, sorted. Empty files and bad names do not count.
    ///
    /// # Errors
    /// When the folder exists and cannot be read.
    pub fn names(&self) -> Result<Vec<String>, ContextError> {
        let folder = self.contexts();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(file_error(&folder, source)),
        };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| {
                entry
                    .metadata()
                    .is_ok_and(|about| about.is_file() && about.len() > 0)
            })
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .filter(|name| check_name(name).is_ok())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path_of(name).is_ok_and(|path| path.is_file())
    }

    /// Reads a context.
    ///
    /// # Errors
    /// [`ContextError::NotFound`], or a file that is no context.
    pub fn load(&self, name: &str) -> Result<Context, ContextError> {
        let path = self.path_of(name)?;
        match read_context(&path, name) {
            Err(ContextError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(ContextError::NotFound(name.to_owned()))
            }
            other => other,
        }
    }

    /// Reads the selected context; `None` when none is selected.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn load_selected(&self) -> Result<Option<Context>, ContextError> {
        self.selected().map(|name| self.load(&name)).transpose()
    }

    /// Writes a context, replacing an older one as a whole. The deprecated `nsc` becomes a `creds` reference first.
    ///
    /// # Errors
    /// What [`Context::validate`] refuses, and files that cannot be written.
    pub fn save(&self, context: &mut Context) -> Result<(), ContextError> {
        let settings = &mut context.settings;
        if !settings.nsc.is_empty() && settings.creds.is_empty() {
            let user = settings.nsc.trim_start_matches("nsc://");
            settings.creds = format!("nsc://{user}");
            settings.nsc.clear();
        }
        context.validate()?;
        let path = self.path_of(&context.name)?;
        let document =
            serde_json::to_vec_pretty(&context.settings).map_err(|source| ContextError::Json {
                path: path.clone(),
                source,
            })?;
        replace(&path, &document)?;
        context.path = Some(path);
        Ok(())
    }

    /// Replaces the files that `creds`, `nkey`, `user_jwt` and `user_seed` name by their content, so that the context
    /// can be carried elsewhere.
    ///
    /// # Errors
    /// A file that cannot be read; the context is then unchanged.
    pub fn embed_credentials(context: &mut Context) -> Result<(), ContextError> {
        let mut settings = context.settings.clone();
        for (field, value, may_be_literal) in [
            ("creds", &mut settings.creds, false),
            ("nkey", &mut settings.nkey, false),
            ("user_jwt", &mut settings.user_jwt, true),
            ("user_seed", &mut settings.user_seed, true),
        ] {
            if may_be_literal && !reference::names_file(value) {
                continue;
            }
            *value = reference::embed_file(value)
                .map_err(|problem| ContextError::Field { field, problem })?;
        }
        context.settings = settings;
        Ok(())
    }

    /// Removes a context. The selected one can only be removed when it is the last; it is unselected then.
    ///
    /// # Errors
    /// [`ContextError::NotFound`], [`ContextError::Selected`].
    pub fn remove(&self, name: &str) -> Result<(), ContextError> {
        let path = self.path_of(name)?;
        let is_selected = self.selected().as_deref() == Some(name);
        if is_selected && self.names()?.len() > 1 {
            let name = name.to_owned();
            return Err(ContextError::Selected { name });
        }
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ContextError::NotFound(name.to_owned()));
            }
            Err(source) => return Err(file_error(&path, source)),
        }
        if is_selected {
            self.unselect()?;
        }
        Ok(())
    }

    /// Name of the selected context, whether it exists or not.
    pub fn selected(&self) -> Option<String> {
        read_name(&self.selected_file())
    }

    /// Name of the context that was selected before.
    pub fn previous(&self) -> Option<String> {
        read_name(&self.previous_file())
    }

    /// Selects a context. Returns the one selected until now.
    ///
    /// # Errors
    /// A context that does not exist, or files that cannot be written.
    pub fn select(&self, name: &str) -> Result<Option<String>, ContextError> {
        if !self.exists(name) {
            check_name(name)?;
            return Err(ContextError::NotFound(name.to_owned()));
        }
        let before = self.note_previous()?;
        replace(&self.selected_file(), name.as_bytes())?;
        Ok(before)
    }

    /// Selects none. Returns the one selected until now.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn unselect(&self) -> Result<Option<String>, ContextError> {
        let before = self.note_previous()?;
        let path = self.selected_file();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(file_error(&path, source))
            }
            _ => Ok(before),
        }
    }

    fn note_previous(&self) -> Result<Option<String>, ContextError> {
        let before = self.selected();
        if let Some(name) = &before {
            replace(&self.previous_file(), name.as_bytes())?;
        }
        Ok(before)
    }

    fn contexts(&self) -> PathBuf {
        self.folder().join("context")
    }

    fn selected_file(&self) -> PathBuf {
        self.folder().join("context.txt")
    }

    fn previous_file(&self) -> PathBuf {
        self.folder().join("previous-context.txt")
    }
}

pub(super) fn check_name(name: &str) -> Result<(), ContextError> {
    if name.is_empty() || name.contains("..") || name.contains(['/', '\\', '\0']) {
        return Err(ContextError::Name(name.to_owned()));
    }
    Ok(())
}

pub(super) fn read_context(path: &Path, name: &str) -> Result<Context, ContextError> {
    let about = fs::metadata(path).map_err(|source| file_error(path, source))?;
    if about.len() > FILE_BYTES_MAX {
        let source = io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes"));
        return Err(file_error(path, source));
    }
    let document = fs::read(path).map_err(|source| file_error(path, source))?;
    let settings = serde_json::from_slice(&document).map_err(|source| ContextError::Json {
        path: path.to_owned(),
        source,
    })?;
    Ok(Context {
        name: name.to_owned(),
        path: Some(path.to_owned()),
        settings,
    })
}

fn read_name(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Writes beside `path` and renames, private to the user.
fn replace(path: &Path, content: &[u8]) -> Result<(), ContextError> {
    let failed = |source| file_error(path, source);
    let folder = path.parent().ok_or(ContextError::NoHome)?;
    create_folder(folder).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(
        "{name}.tmp-{}-{}",
        std::process::id(),
        fastrand::u64(..)
    ));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&beside)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The error that matters is the one we have.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn file_error(path: &Path, source: io::Error) -> ContextError {
    ContextError::File {
        path: path.to_owned(),
        source,
    }
}
