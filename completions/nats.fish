complete --keep-order --exclusive --command nats --arguments "(COMPLETE=fish nats -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
