# Bash splits words at colons and equals signs (COMP_WORDBREAKS), where `label:before` and `--after=run:` are one word each.
# They are put together for kino, and what bash has split off is taken from its answers again.
_clap_complete_kino() {
    local words=() word rest="$COMP_LINE" typed="$2" before="" index=-1 i
    if [[ "${BASH_VERSINFO[0]}" -lt 4 ]]; then
        typed="${COMP_WORDS[COMP_CWORD]}"
    fi
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if ((i > 0)) && [[ "$rest" != [[:space:]]* ]] && [[ "$word" =~ ^[:=]+$ || "${COMP_WORDS[i-1]}" =~ ^[:=]+$ ]]; then
            before="${words[index]}"
        else
            before=""
            index=$((index + 1))
        fi
        if ((i < COMP_CWORD)); then
            words[index]="$before$word"
        elif [[ "$word" =~ ^[:=]+$ && -n "$before" ]]; then
            before+="$word"
            words[index]="$before$typed"
        else
            words[index]="$before$typed"
        fi
        rest="${rest#*"$word"}"
    done
    local _CLAP_COMPLETE_SPACE=true
    if compopt +o nospace 2> /dev/null; then
        _CLAP_COMPLETE_SPACE=false
    fi
    local IFS=$'\013'
    COMPREPLY=( $( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$index" \
        _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
        _CLAP_COMPLETE_SPACE="$_CLAP_COMPLETE_SPACE" \
        _KINO_COMPLETE="bash" \
        "kino" -- "${words[@]}" \
    ) )
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]="${COMPREPLY[i]#"$before"}"
    done
    if [[ $_CLAP_COMPLETE_SPACE == false ]] && [[ "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _clap_complete_kino kino
else
    complete -o nospace -o bashdefault -F _clap_complete_kino kino
fi
