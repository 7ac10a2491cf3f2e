"""Shell completion, asked of the real shells: every command and option that the programs know of themselves is offered,
and nothing else."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAMS = {"farmgate": sys.argv[1], "farmgate-cloud": sys.argv[2]}
FOLDER = os.path.abspath(sys.argv[3])
FILES = {"bash": "bash/%s", "zsh": "zsh/_%s", "fish": "fish/%s.fish"}
CHOICES = {"farmgate gate --kind ": ["application", "desktop"], "farmgate connections --state ": ["active", "disconnected"],
           "farmgate-cloud subscription create --automatic ": ["off", "on"]}

count = failed = 0


def ok(condition, name, detail=""):
    global count, failed
    count += 1
    failed += not condition
    print("%sok %d - %s" % ("" if condition else "not ", count, name), flush=True)
    if not condition:
        print("\n".join("# " + line for line in str(detail).splitlines()[:20]), flush=True)


def wanted():
    """Command lines, and what a shell is to offer at their end."""
    lines = {}
    for name, program in PROGRAMS.items():
        said = subprocess.run([program, "--describe"], capture_output=True, text=True, timeout=20, check=True).stdout
        top, groups, options = set(), {}, {}
        for line in said.splitlines():
            kind, words, *rest = line.split("\t")
            if kind == "c":
                top.add(words.split()[0])
                if " " in words:
                    groups.setdefault(words.split()[0], set()).add(words.split()[1])
            elif kind == "o":
                options.setdefault(words, set()).add(rest[0])
        lines[name + " "] = top
        for group, commands in groups.items():
            lines["%s %s " % (name, group)] = commands
        for words, names in options.items():
            lines["%s %s --" % (name, words)] = names
    lines.update({line: set(words) for line, words in CHOICES.items()})
    return lines


def path_of(shell, name):
    return os.path.join(FOLDER, FILES[shell] % name)


def ask_bash(lines):
    script = ["source '%s'" % path_of("bash", name) for name in PROGRAMS]
    for line in lines:
        words = line.split(" ")
        script.append("COMP_WORDS=(%s); COMP_CWORD=%d; _%s; echo \"${COMPREPLY[*]}\"" % (
            " ".join("'%s'" % word for word in words), len(words) - 1, words[0].replace("-", "_")))
    done = subprocess.run(["bash", "--norc", "-c", "\n".join(script)], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr, [answer.split() for answer in done.stdout.split("\n")]


def ask_fish(lines):
    script = ["source '%s'" % path_of("fish", name) for name in PROGRAMS]
    for line in lines:
        script.append("complete -C '%s'; echo ." % line)
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(["fish", "--no-config", "-c", "\n".join(script)], capture_output=True, text=True, timeout=60,
                              check=False, env=dict(os.environ, HOME=home), cwd="/")
    answers = [[]]
    for line in done.stdout.splitlines():
        if line == ".":
            answers.append([])
        else:
            answers[-1].append(line.split("\t")[0])
    return done.stderr, answers


# zsh completes at its prompt alone: a prompt on a terminal of zsh's own, whose widget tells what was added.
ZSH = """
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PROMPT=; unset zle_bracketed_paste; stty -echo; fpath=(%s $fpath); autoload -Uz compinit; compinit -D -u'
zpty -w inner 'compadd() { local -a added; builtin compadd -O added "$@"; print -r -- "<$added>"; builtin compadd "$@"; }'
zpty -w inner 'finish() { print "<<end>>"; zle kill-whole-line; }; zle -N finish; zstyle ":completion:*" list-grouped no'
zpty -w inner 'bindkey "^I" complete-word; bindkey "^T" finish; unsetopt automenu; setopt noautolist nolistbeep; LISTMAX=1000; compprefuncs=()'
zpty -w inner 'print "<<ready>>"'
zpty -r -m inner text $'*<<ready>>\\r\\n*'
%s
"""


def ask_zsh(lines):
    asks = []
    for line in lines:
        asks += ["zpty -w -n inner $'%s\\t\\x14'" % line, "zpty -r -m inner text '*<<end>>*'", "print -r -- \"$text\"", "print '<<next>>'"]
    done = subprocess.run(["zsh", "-f", "-c", ZSH % (os.path.join(FOLDER, "zsh"), "\n".join(asks))], capture_output=True, text=True,
                          timeout=120, check=False, env=dict(os.environ, TERM="dumb"))
    answers = [" ".join(re.findall(r"<([^<>]+)>", text.replace("<<end>>", ""))).split() for text in done.stdout.split("<<next>>")]
    return done.stderr, answers


def check(shell, lines, ask):
    said, answers = ask(list(lines))
    ok(said == "", "%s has nothing to complain of" % shell, said)
    for (line, words), answer in zip(lines.items(), answers + [[]] * len(lines)):
        offered = set(word.rstrip("=") for word in answer)
        if line.endswith(" ") and len(line.split()) < 3:  # what every command line takes may be there as well
            offered -= {"--help", "--version"}
        ok(offered == words, "%s: %s" % (shell, line), "missing %r\nunknown %r" % (sorted(words - offered), sorted(offered - words)))


def main():
    lines = wanted()
    ok(len(lines) > 50, "there is much to be completed: %d command lines" % len(lines))
    for shell, ask in (("bash", ask_bash), ("zsh", ask_zsh), ("fish", ask_fish)):
        if not shutil.which(shell):
            print("ok %d - %s # SKIP %s is not installed" % (count + 1, shell, shell))
            globals()["count"] += 1
            continue
        for name in PROGRAMS:
            done = subprocess.run([shell, "-n", path_of(shell, name)], capture_output=True, text=True, timeout=20, check=False)
            ok(done.returncode == 0 and done.stderr == "", "%s -n finds nothing wrong with that of %s" % (shell, name), done.stderr)
        check(shell, lines, ask)
    print("1..%d" % count)
    sys.exit(1 if failed else 0)


main()
