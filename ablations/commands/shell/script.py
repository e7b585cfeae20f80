"""`ablate completion bash|zsh`: a script that lets a shell complete what is typed."""

import argparse

# Nothing found means files, which `-o default` and `_files` complete.
_BASH = """\
# ablate: source this from ~/.bashrc, as in: source <(ablate completion bash)
_ablate() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\\n'
    local found=($("${COMP_WORDS[0]}" complete "$line" 2>/dev/null))
    local word="${line##* }"
    local typed="${word%"${word##*=}"}"  # readline begins a word after each =
    COMPREPLY=("${found[@]#"$typed"}")
    [[ ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _ablate ablate
"""
_ZSH = """\
#compdef ablate
# ablate: source this from ~/.zshrc after compinit, as in: source <(ablate completion zsh)
_ablate() {
    local -a found
    found=("${(@f)$("${words[1]}" complete "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -z "$found" ]]; then
        _files
    else
        compadd -S '' -- ${(M)found:#*[=/]}
        compadd -- ${found:#*[=/]}
    fi
}
compdef _ablate ablate
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate completion`."""
    parser.add_argument("shell", choices=SCRIPTS, metavar="SHELL", help="bash or zsh")
    parser.epilog = (
        "Put `source <(ablate completion bash)` into ~/.bashrc, or `source <(ablate completion "
        "zsh)` into ~/.zshrc after compinit."
    )


def command(options: argparse.Namespace) -> int:
    """Print the script."""
    print(SCRIPTS[options.shell], end="")
    return 0
