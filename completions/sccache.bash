# Completion of sccache's options, then of commands and their arguments.
_sccache() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]]; then
        if declare -F _command_offset >/dev/null; then _command_offset 1; else COMPREPLY=($(compgen -f -- "$current")); fi
        return
    fi
    case $previous in
        --stats-format | --format) COMPREPLY=($(compgen -W "text json" -- "$current")); return ;;
        --since) COMPREPLY=($(compgen -W "boot all 1h 1d 7d" -- "$current")); return ;;
        --package-toolchain) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "--show-stats --show-adv-stats --zero-stats --start-server --stop-server --dist-status --dist-auth
            --package-toolchain --debug-preprocessor-cache --check-config --help --version --stats-format --format --since" -- "$current"))
    elif [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -c -- "$current"))
    fi
}
complete -F _sccache sccache
