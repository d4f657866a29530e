//! Random subjects and patterns for property tests, the same for the same seed, and a reading of patterns that is not the server's.

/// Numbers that look random and are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `sides - 1`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("small")
    }

    /// One time in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    pub fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())].clone()
    }

    /// One to three tokens of few letters, so that much of it overlaps.
    pub fn literal(&mut self, letters: &[&str]) -> String {
        let tokens = 1 + self.roll(3);
        let tokens: Vec<_> = (0..tokens).map(|_| self.of(letters)).collect();
        tokens.join(".")
    }

    /// The same with wildcards.
    pub fn pattern(&mut self, letters: &[&str]) -> String {
        let tokens = [letters, &["*"]].concat();
        let mut tokens: Vec<_> = (0..1 + self.roll(3)).map(|_| self.of(&tokens)).collect();
        if self.once_in(4) {
            tokens.push(">");
        }
        if self.once_in(12) {
            return ">".to_owned();
        }
        tokens.join(".")
    }

    /// Up to so many of what `make` makes.
    pub fn several<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.roll(most + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

/// `*` and `>`, and nothing else: written again, so that both sides cannot be wrong together.
pub fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for part in pattern.split('.') {
        match (part, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (literal, Some(token)) if literal == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

/// Every subject of one to three tokens of these letters.
pub fn universe(letters: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = letters.iter().map(|l| (*l).to_owned()).collect();
    let mut last = all.clone();
    for _ in 0..2 {
        let longer = |s: &String| {
            letters
                .iter()
                .map(|l| format!("{s}.{l}"))
                .collect::<Vec<_>>()
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.clone());
    }
    all
}
