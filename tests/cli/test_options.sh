#!/bin/sh
# Every option missing, twice, bad and in conflict; environment twins; help, manual page and completion tell the truth.
. "$(dirname "$0")/common.sh"

# ---- Verbs
runs 2 "no verb"
says "Usage: assemlm VERB"
silent "$out"
runs 2 "unknown verb" predcit
says "did you mean 'predict'?"
runs 2 "unknown word of a group" inspect plam
says "did you mean 'inspect plan'?"
runs 2 "a group alone" synth
runs 2 "an option instead of a verb" --frobnicate
runs 0 "--help" --help
shows "inspect plan"
silent "$err"
runs 0 "--version" --version
shows "assemlm 0."
runs 0 "version of a verb" predict --version
shows "assemlm 0."
runs 2 "help of an unknown verb" help frobnicate

# ---- The help of a verb names each option that the verb takes, and each option that it names is taken.
verbs="predict|bench|eval|merge|inspect plan|inspect model|inspect tokens|inspect image|inspect data|inspect|synth model|synth data|help|version"
every=$(sed -n 's/^CLI_OPTION([A-Z_]*, "\([a-z-]*\)".*/\1/p' "$source/tools/options.def")
check "options.def is read" [ "$(echo "$every" | wc -l)" -ge 30 ]
used=
old=$IFS
IFS='|'
for verb in $verbs; do
    IFS=$old
    runs 0 "help of $verb" help $verb
    cp "$out" "$work/help"
    runs 0 "--help of $verb" $verb --help
    check "$verb: --help and help agree" cmp "$work/help" "$out"
    # The help of a group is that of all its members, which are tried by their own names.
    if [ "$verb" = inspect ]; then
        every_here=env
    else
        every_here=$every
    fi
    for option in $every_here; do
        if grep -q "^  --$option\( \|$\)" "$work/help"; then
            used="$used $option"
            # Named by the help: a second time is the error, not the option.
            case $(grep "^  --$option\( \|$\)" "$work/help" | sed "s/^  --$option \{0,1\}//") in
                'PAGE1 PAGE2'*) set -- "--$option" a b "--$option" a b ;;
                'N '*) set -- "--$option" 1 "--$option" 1 ;;
                'S '*) set -- "--$option" 1 "--$option" 1 ;;
                'auto|'*) set -- "--$option" auto "--$option" auto ;;
                'm|cm'*) set -- "--$option" m "--$option" m ;;
                'freestyle|'*) set -- "--$option" both "--$option" both ;;
                'tiny|'*) set -- "--$option" tiny "--$option" tiny ;;
                'pt|'*) set -- "--$option" pt "--$option" pt ;;
                'bash '*) set -- "--$option" bash "--$option" bash ;;
                [A-Z]*) set -- "--$option" 7x7 "--$option" 7x7 ;;
                *) set -- "--$option" "--$option" ;;
            esac
            runs 2 "$verb --$option twice" $verb "$@"
            says "--$option is given twice"
            # Its value is missing: at the end, and before another option.
            if [ "$1" != "$2" ] && [ "$2" != "--$option" ]; then
                runs 2 "$verb --$option without value" $verb "--$option"
                says "--$option lacks"
                runs 2 "$verb --$option before an option" $verb "--$option" --quiet
                says "--$option lacks"
                case $option in
                    id | category) ;; # may be empty
                    *) runs 2 "$verb --$option empty" $verb "--$option=" ;;
                esac
            else
                runs 2 "$verb --$option=x" $verb "--$option=x"
                says "--$option takes no value"
            fi
        else
            runs 2 "$verb --$option, which is not its own" $verb "--$option" 1
            grep -q "unknown option --$option\|--$option is no option of this verb" "$err" ||
                fail "$verb --$option: not refused by name"
        fi
    done
    IFS='|'
done
IFS=$old
for option in $every; do
    case " $used " in
        *" $option "*) ;;
        *) fail "--$option is in no verb's help" ;;
    esac
done

# ---- Values
runs 2 "unknown option" predict --modl x
says "did you mean --model?"
runs 2 "unknown option with a value" predict --renderr=x
says "did you mean --render?"
runs 2 "a short option" predict -m x
runs 2 "an argument too many" predict x
says "unexpected argument 'x'"
runs 2 "a choice" predict --units km
says "expected one of m|cm|mm|unit"
runs 2 "a choice that is the start of one" predict --units c
runs 2 "several choices" predict --units 'm|cm'
for bad in -1 +1 1.5 1e3 0x10 ' 1' 99999999999999999999 1025 x; do
    runs 2 "threads $bad" predict --threads "$bad"
    says "--threads"
done
for bad in 576 x576 576x 0x5 5x0 -5x5 5x5x5 5X5 99999x5 99999999999999999999x5; do
    runs 2 "pages $bad" bench --pages "$bad"
    says "--pages"
done
runs 2 "one page" predict --manual a
says "--manual lacks its second value"
runs 2 "--manual=" predict --manual=a b
says "two values"

# ---- What is missing is named, all of it
runs 2 "no sample" predict --model x
for option in fixed moving manual category; do
    says "--$option"
done
runs 2 "no model" predict --fixed a --moving b --manual c d --category e
says "missing --model"
runs 2 "two missing" predict --model x --fixed a --moving b
says "--manual PAGE1 PAGE2, --category TEXT"
runs 2 "list without a model" predict --list x
says "missing --model"
runs 2 "plan without a model" inspect plan
runs 2 "model without a folder" inspect model
runs 2 "tokens without a folder" inspect tokens -
runs 2 "tokens without a file" inspect tokens --base x
says "FILE|-"
runs 2 "image without --out" inspect image x --base y
runs 2 "synth without --to" synth model
runs 2 "synth data without --to" synth data
runs 2 "no samples" synth data --samples 0 --to "$work/x.hdf5"
runs 2 "inspect alone" inspect

# ---- Conflicts
runs 2 "list and sample" predict --model x --list l --sample s
says "--list and --sample exclude each other"
runs 2 "list and dump" predict --model x --list l --dump d
runs 2 "sample and fixed" predict --sample leg_1 --fixed x
runs 2 "sample and units" predict --sample leg_1 --units m
runs 2 "pages and sample" bench --pages 5x5 --sample leg_1
runs 2 "man and completion" help --man --completion bash
runs 2 "stdin twice" predict --model x --fixed - --moving - --manual a b --category c
says "stdin"
runs 2 "a picture of stdin" predict --model x --fixed - --moving a --manual a b --category c --render x.png
says "--render"
runs 2 "model folder twice" inspect model a --model b

# ---- Environment twins: the option wins
export ASSEMLM_UNITS=km
runs 2 "a bad twin" predict --list-samples
says "ASSEMLM_UNITS"
runs 0 "the option wins over a bad twin" predict --list-samples --units m
unset ASSEMLM_UNITS
export ASSEMLM_LIST_SAMPLES=1
runs 0 "a flag's twin" predict
shows "leg_1"
export ASSEMLM_LIST_SAMPLES=perhaps
runs 2 "a flag's bad twin" predict
says "ASSEMLM_LIST_SAMPLES"
unset ASSEMLM_LIST_SAMPLES
export ASSEMLM_MANUAL=a
runs 2 "a pair's twin with one value" predict
says "ASSEMLM_MANUAL"
export ASSEMLM_MANUAL=a:b
runs 2 "a pair's twin counts as given" predict --model m --fixed f
grep -q -- '--manual' "$err" && fail "ASSEMLM_MANUAL was not taken"
unset ASSEMLM_MANUAL
export ASSEMLM_SAMPLE=no_such_sample
runs 2 "a text's twin" predict
says "no_such_sample"
unset ASSEMLM_SAMPLE
export ASSEMLM_VERSION=1 ASSEMLM_HELP=1 ASSEMLM_ENV=1
runs 0 "no twins of --help, --version and --env" predict --list-samples
shows "leg_1"
unset ASSEMLM_VERSION ASSEMLM_HELP ASSEMLM_ENV

# ---- Hostile text does not reach the terminal
runs 2 "escape sequences" predict "--$(printf '\033[31m')x"
if grep -q "$(printf '\033')" "$err"; then
    fail "a control character of an argument was printed"
fi

# ---- Manual page and completion come from the same tables
runs 0 "manual page" help --man
for option in $every; do
    grep -qF -- "\\-\\-$(echo "$option" | sed 's/-/\\-/g')" "$out" || fail "--$option is not in the manual page"
done
runs 0 "completion" help --completion bash
for option in $every; do
    grep -q -- "--$option" "$out" || fail "--$option is not in the completion"
done
if command -v bash >/dev/null 2>&1; then
    check "the completion is bash" bash -n "$out"
    cat >"$work/complete.bash" <<'END'
. "$1"
COMP_WORDS=(assemlm predict --mo)
COMP_CWORD=2
_assemlm
printf '%s\n' "${COMPREPLY[@]}"
COMP_WORDS=(assemlm inspect pl)
_assemlm
printf '%s\n' "${COMPREPLY[@]}"
END
    bash "$work/complete.bash" "$out" >"$work/completed" 2>&1
    for word in --model --moving plan; do
        grep -qx -- "$word" "$work/completed" || { fail "completion lacks $word"; cat "$work/completed"; }
    done
fi
finish
