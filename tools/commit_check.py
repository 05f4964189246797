#!/usr/bin/env python3
"""Checks commit messages: `area: Imperative subject`, a blank line, a body.

With RANGE (as `git log` takes it) it checks the commits of the range. Without one it checks the commits after BASE, the
last commit that is exempt. Prints one line per finding and exits with 1 if there is one. `./dev hooks` makes git check
each message before the commit.
"""

import argparse
import re
import subprocess
import sys

BASE = 'a76c300cf8c7e093ae033f643169b3466d7a5bb5'
SUBJECT_MAX = 72
BODY_MAX = 100

SUBJECT = re.compile(r'(?P<area>[a-z][\w./-]*(?:, [a-z][\w./-]*)*): (?P<text>\S.*)')
NOT_VERBS = {
    'a', 'an', 'the', 'what', 'who', 'whom', 'whose', 'whoever', 'whatever', 'where', 'when', 'why', 'how', 'which',
    'that', 'this', 'these', 'those', 'it', 'its', 'they', 'one', 'ones', 'nobody', 'somebody', 'everybody', 'no',
    'not', 'now', 'new', 'some', 'any', 'all', 'each', 'every', 'there', 'here', 'if', 'and', 'but', 'so',
}
ENDS_LIKE_A_PARTICIPLE = re.compile(r'(?:ed|ing)$')
ENDS_LIKE_THIRD_PERSON = re.compile(r'(?<![su])s$')
IMPERATIVES = set('bring embed exceed feed ping proceed seed shed speed spring string succeed need alias bias'.split())
# Git writes these for commits that are folded into another one: fine while one works, not in the history.
TEMPORARY = re.compile(r'(fixup|squash|amend)! ')
SCISSORS = re.compile(r'^# -+ >8 -+$', re.M)


def check_subject(subject):
    """Yields what is wrong with the first line of a message."""
    if len(subject) > SUBJECT_MAX:
        yield f'the subject has {len(subject)} columns; the limit is {SUBJECT_MAX}'
    if subject.endswith('.'):
        yield 'the subject ends with a period; delete it'
    found = SUBJECT.fullmatch(subject)
    if not found:
        yield 'the subject must be "area: Imperative subject"; the area is a module or a folder, in lower case'
        return
    word = found.group('text').split()[0]
    if not word[0].isupper():
        yield f'"{word}" must begin with a capital letter'
    lower = word.lower().rstrip(',;:')
    if lower in NOT_VERBS:
        yield f'"{word}" is not a verb; begin with an imperative, such as Add, Fix, Rename, Reject'
    elif lower not in IMPERATIVES and ENDS_LIKE_A_PARTICIPLE.search(lower):
        yield f'"{word}" is not an imperative; write Add, not Added or Adding'
    elif lower not in IMPERATIVES and ENDS_LIKE_THIRD_PERSON.search(lower):
        yield f'"{word}" is not an imperative; write Add, not Adds'


def check_message(message):
    """Returns what is wrong with a message, one text per finding."""
    lines = message.rstrip().split('\n')
    findings = list(check_subject(lines[0]))
    if len(lines) > 1 and lines[1]:
        findings.append('line 2 must be blank, between the subject and the body')
    elif len(lines) < 3:
        findings.append('the body is missing; write what the problem was, what changed, and how it was checked')
    for number, line in enumerate(lines[1:], 2):
        if len(line) > BODY_MAX and ' ' in line.strip():  # a URL cannot be broken
            findings.append(f'line {number} has {len(line)} columns; the limit is {BODY_MAX}')
    return findings


def without_comments(text):
    """Returns what git makes of the text that the editor saved."""
    text = SCISSORS.split(text)[0]
    return '\n'.join(line.rstrip() for line in text.split('\n') if not line.startswith('#')).strip()


def git(*arguments):
    return subprocess.run(('git', *arguments), capture_output=True, encoding='utf-8', errors='replace', check=False)


def read_commits(commits):
    """Returns (short hash, message) of each commit of a range except merges, oldest first; None for a bad range."""
    log = git('log', '--no-merges', '--reverse', '-z', '--format=%h %B', commits, '--')
    if log.returncode != 0:
        print(f'commit_check: {log.stderr.strip()}', file=sys.stderr)
        return None
    return [entry.split(' ', 1) for entry in log.stdout.split('\0') if entry]


def default_range(base):
    """Returns the range after the base, or None with the reason printed if this clone cannot say."""
    if git('rev-parse', '--git-dir').returncode != 0:
        print('commit_check: skipped, this is not a git checkout')
    elif git('merge-base', '--is-ancestor', base, 'HEAD').returncode != 0:
        kind = 'this clone is shallow' if git('rev-parse', '--is-shallow-repository').stdout.strip() == 'true' \
            else 'the history of HEAD does not contain it'
        print(f'commit_check: skipped, the base commit {base[:8]} is missing ({kind})')
    else:
        return f'{base}..HEAD'
    return None


def check_range(commits):
    """Prints the findings. Returns the exit status."""
    entries = read_commits(commits)
    if entries is None:
        return 2
    count = 0
    for short_hash, message in entries:
        for finding in check_message(message):
            count += 1
            print(f'{short_hash}: {finding}: {message.splitlines()[0] if message.strip() else ""}')
    print(f'commit_check: {len(entries)} commits, {count} findings')
    return 1 if count else 0


def check_file(path):
    """Prints the findings. Returns the exit status, for the commit-msg hook."""
    with open(path, encoding='utf-8', errors='replace') as file:
        message = without_comments(file.read())
    if not message or TEMPORARY.match(message) or message.startswith('Merge '):
        return 0
    findings = check_message(message)
    for finding in findings:
        print(f'commit message: {finding}', file=sys.stderr)
    if findings:
        print(f'The message is in {path}; commit again with: git commit -e -F {path}', file=sys.stderr)
    return 1 if findings else 0


def main(arguments=None, base=BASE):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('range', nargs='?', metavar='RANGE',
                        help=f'commits to check, such as main..HEAD (default: after {base[:8]})')
    parser.add_argument('--message', metavar='FILE',
                        help='check the message in this file instead; for the commit-msg hook')
    options = parser.parse_args(arguments)
    if options.message:
        return check_file(options.message)
    commits = options.range or default_range(base)
    return check_range(commits) if commits else 0


if __name__ == '__main__':
    sys.exit(main())
