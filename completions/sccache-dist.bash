# Completion of sccache-dist's commands and options.
_sccache_dist() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=
    COMPREPLY=()
    case $previous in
        --config|--socket) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --syslog) words="error warn info debug trace" ;;
        --server|--secret-key|--name|--days|--bits|--url|--token|--fingerprint) return ;;
    esac
    if [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    if [[ $COMP_CWORD -eq 1 ]]; then
        words="scheduler server builder auth status reload --help --version"
    else
        case ${COMP_WORDS[1]} in
            scheduler|server|builder) words="--config --check-config --syslog --help" ;;
            status) words="--url --config --token --fingerprint --json --help" ;;
            reload) words="--builder --config --socket --help" ;;
            auth)
                if [[ $COMP_CWORD -eq 2 ]]; then
                    words="generate-shared-token generate-jwt-hs256-key generate-jwt-hs256-server-token generate-client-token --help"
                else
                    case ${COMP_WORDS[2]} in
                        generate-jwt-hs256-server-token) words="--server --secret-key --config --without-exp --help" ;;
                        generate-shared-token) words="--bits --help" ;;
                        generate-client-token) words="--name --days --secret-key --config --help" ;;
                        *) words="--help" ;;
                    esac
                fi ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _sccache_dist sccache-dist
