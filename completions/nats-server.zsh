#compdef nats-server
_arguments \
    '-a[Address for clients (default 0.0.0.0)]' \
    '--addr[Address for clients (default 0.0.0.0)]' \
    '--net[Address for clients (default 0.0.0.0)]' \
    '-p[Port for clients (default 4222, -1 any free port)]' \
    '--port[Port for clients (default 4222, -1 any free port)]' \
    '-n[Name of this server (default  its id)]' \
    '--name[Name of this server (default  its id)]' \
    '--server_name[Name of this server (default  its id)]' \
    '-P[Write the process id to this file]' \
    '--pid[Write the process id to this file]' \
    '-m[Port for monitoring pages]' \
    '--http_port[Port for monitoring pages]' \
    '-ms[Port for monitoring pages over TLS]' \
    '--https_port[Port for monitoring pages over TLS]' \
    '-c[Configuration file]' \
    '--config[Configuration file]' \
    '-t[Check the configuration file and exit]' \
    '-sl[Send a signal to a running server  ldm, stop, quit, term, reopen, reload;]' \
    '--signal[Send a signal to a running server  ldm, stop, quit, term, reopen, reload;]' \
    '--client_advertise[Address that clients are told]' \
    '--ports_file_dir[Write the ports in use to <program>_<pid>.ports in this folder]' \
    '-l[Log to this file]' \
    '--log[Log to this file]' \
    '-T[Time stamps on log lines (default true)]' \
    '--logtime[Time stamps on log lines (default true)]' \
    '--logtime_utc[Time stamps in UTC]' \
    '-s[Log to the system log]' \
    '--syslog[Log to the system log]' \
    '-r[Log to the system log of another machine (udp //host 514)]' \
    '--remote_syslog[Log to the system log of another machine (udp //host 514)]' \
    '-D[Debug lines]' \
    '--debug[Debug lines]' \
    '-V[Protocol lines]' \
    '--trace[Protocol lines]' \
    '-VV[Protocol lines, those of the system account too]' \
    '-DV[Debug and protocol lines]' \
    '--DVV[Debug and protocol lines, those of the system account too]' \
    '--log_size_limit[Begin a new log file at this size]' \
    '--max_traced_msg_len[How much of a message a trace shows (default  all)]' \
    '-js[Streams and consumers]' \
    '--jetstream[Streams and consumers]' \
    '-sd[Folder for data]' \
    '--store_dir[Folder for data]' \
    '--user[User that clients must be]' \
    '--pass[Password of that user]' \
    '--auth[Token that clients must present]' \
    '--tls[TLS, certificates of clients not required]' \
    '--tlscert[Certificate of the server]' \
    '--tlskey[Key of that certificate]' \
    '--tlsverify[TLS, certificates of clients required]' \
    '--tlscacert[Authorities that clients  certificates must come from]' \
    '--routes[Servers of the cluster to connect to, separated by commas]' \
    '--cluster[Where routes are accepted, nats // user pass@ host port]' \
    '--cluster_listen[Where routes are accepted, nats // user pass@ host port]' \
    '--cluster_name[Name of the cluster (default  made up)]' \
    '--no_advertise[Do not tell clients about the other servers]' \
    '--cluster_advertise[Address that other servers are told]' \
    '--connect_retries[Attempts to reach a server that another one told about]' \
    '--profile[Port for profiling]' \
    '-h[This text]' \
    '--help[This text]' \
    '-v[Version]' \
    '--version[Version]' \
    '--help_tls[About TLS  an example, cipher suites, curves]' \
    '*:file:_files'
