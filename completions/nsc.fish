complete --keep-order --exclusive --command nsc --arguments "(NSC_COMPLETE=fish nsc -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
