_nats_server() {
    local current="${COMP_WORDS[COMP_CWORD]}"
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "-a --addr --net -p --port -n --name --server_name -P --pid -m --http_port -ms --https_port -c --config -t -sl --signal --client_advertise --ports_file_dir -l --log -T --logtime --logtime_utc -s --syslog -r --remote_syslog -D --debug -V --trace -VV -DV --DVV --log_size_limit --max_traced_msg_len -js --jetstream -sd --store_dir --user --pass --auth --tls --tlscert --tlskey --tlsverify --tlscacert --routes --cluster --cluster_listen --cluster_name --no_advertise --cluster_advertise --connect_retries --profile -h --help -v --version --help_tls" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}
complete -o filenames -F _nats_server nats-server
