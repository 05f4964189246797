"""The words of the project: patterns for private or ambiguous words with their replacements, and the search for them.

tidy.py imports this file. The search covers comments, string literals, Markdown, and test names. It skips code, inline
code in backticks, short quotations in comments and Markdown, URLs, and lines that contain `words-ok`.
"""

import io
import os
import re
import tokenize

# ---- the words, as data ----------------------------------------------------------------------------------------------
# (pattern, replacement, context in which the word is right or ''). A space in a pattern matches a line break as well.

WORDS = [
    # Actors
    (r'whoever|whomever', 'name the actor', ''),
    (r'nobody|somebody|everybody|anybody', 'name the actor', ''),
    (r'those (?:who|whom)|ones? (?:who|whom)', 'name the actor', ''),
    # HTTP and events
    (r'answer(?:s|ed|ing)?', 'response, responds, returns', ''),
    (r'tells?|telling|told', 'notify, publish, report or return', ''),
    (r'tellers?', 'notifier, publisher', ''),
    (r'refus(?:e|es|ed|ing|al|als)', 'reject, rejected, error response',
     r'connections? (?:is |are |was |were |be )?refus|refus\w* (?:the |a |new )?connection|econnrefused'),
    (r'turn(?:s|ed|ing)? away', 'reject', ''),
    (r'farewells?', 'graceful close', ''),
    (r'troubles?', 'error, failure (injected: fault)', ''),
    (r'nonsense', 'invalid', ''),
    # Time
    (r'for ever', 'indefinitely', ''),
    (r'anew', 'again', ''),
    (r'meanwhile', 'name the condition: while ..., until ...', ''),
    (r'in time', 'before the deadline; name it', r'(?:points?|back) in time|in time (?:zone|order|series)'),
    (r'(?:a|some) while|awhile', 'give the duration', ''),
    (r'(?:run|runs|running|ran) out', 'expire, expired', r'out of|out-of'),
    (r'first sight', 'first observation', ''),
    (r'on (?:its|their) way', 'in progress, in flight', ''),
    # State
    (r'fall(?:s|ing|en)? ill|fell ill', 'become unhealthy; name the phase', ''),
    (r'doubt(?:s|ed|ful)?', 'unconfirmed write', ''),
    (r'deeds?', 'action, fault', ''),
    (r'gist', 'summary', ''),
    (r'census', 'state counts', ''),
    (r'residents?', 'name the component', r'resident (?:memory|set|size|bytes)'),
    (r'play(?:s|ed|ing)?', 'simulate, simulated', ''),
    (r'(?:take|takes|taken|taking|took) away', 'delete, deleted', ''),
    # Storage
    (r'(?:un)?pack(?:s|ed|ing)?', 'compress, compressed, decompress', ''),
    # Relations
    (r'beside', 'next to, in addition to, compared with', ''),
    (r'by half', 'partially', ''),
    (r'of (?:its|their|our|his|her|my|your) own', 'own, separate, private', ''),
    (r'of (?:ours|theirs|mine|yours)', 'name the owner', ''),
    (r'as (?:it|they|many|much|long|often) may', 'state the limit', ''),
    (r'so (?:much|many|long)', 'give the number, or use while/until', r'so long as'),
    (r'so long as', 'while, if', ''),
    (r'(?:is|are) to be', 'must be', ''),
    (r'believ(?:e|es|ed|ing)', 'trust, assume', ''),
    (r'worth a look', 'enqueue, check', ''),
    # Architecture
    (r'rooms?', 'module (space: capacity)', ''),
    (r'houses?', 'project, structure', ''),
    (r'floors?', 'layer', ''),
    (r'doors?', 'interface', ''),
]

# Sentences name their actor: not at the beginning of a sentence, unless it is a question.
SENTENCE_STARTS = (r'(?:What|Who|Whom|Whose|Of what|Whatever|Those (?:that|of|in|with|which)|'
                   r'One (?:that|of|is|has|which|in|with))')
# Not at the beginning of a comment either.
COMMENT_STARTS = r'(?:That|It|They|This one)'
START_REMEDY = 'name the actor, then the verb (a contract: verb first)'

# Names of variables and members in C++ and Python. The rule of words reports them as well.
CODE_WORDS = [
    (r'(?:\w*_)?(?<!at_)(?:least|most)_?', 'min, max', r'std::|int_least|int_fast'),
    (r'name_space_?', 'ns', ''),
]

# Variables, parameters and members of C++ are nouns that say what they hold. These are prepositions, pronouns, adverbs and
# participles; `at` as an iterator is `it`.
NAMES = '''
    with how on into from of what which at by to through where why whose
    made got told gone found taken asked fed bound let held given sent kept home
'''.split()
NAME_REMEDY = 'name what it holds, with a noun'

# ---- reading ---------------------------------------------------------------------------------------------------------

PENDING_PATH = 'tools/words_pending.txt'
NAMES_PENDING_PATH = 'tools/names_pending.txt'
UNREAD = re.compile(r'^(tools/names_pending\.txt|tools/tidy_words\.py|tools/words_pending\.txt|tools/tidy_test\.py|LICENSE|test/fuzz/corpus/.*)$'
                    r'|\.(json|mod|html)$')
EXEMPT = 'words-ok'

HASH_ENDINGS = ('.cmake', '.yaml', '.yml', '.toml', '.txt')
HASH_NAMES = ('.clang-format', '.clang-tidy', '.gitignore')

C_PROSE = re.compile(r'R"(?P<tag>\w*)\((?P<raw>.*?)\)(?P=tag)"|"(?P<string>(?:\\.|[^"\\\n])*)"'
                     r'|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
                     r'|(?P<line>//[^\n]*(?:\n[ \t]*//[^\n]*)*)|/\*(?P<block>.*?)\*/', re.S)
C_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[^\n]*', re.M)
C_TEST = re.compile(r'\b(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+)\s*,\s*(\w+)\s*\)')
HASH_COMMENT = re.compile(r'(?:^|(?<=\s))#[^\n]*(?:\n[ \t]*#[^\n]*)*', re.M)
LUA_COMMENT = re.compile(r'--[^\n]*(?:\n[ \t]*--[^\n]*)*')
SKIPPED = re.compile(r'``[^`]+``|`[^`\n]*`|https?://\S+|\b[\w.:/-]+\(\)|\b[\w-]+(?:/[\w-]+)*\.(?:hpp|cpp|py|md|json|sh|txt)\b')
QUOTED = re.compile(r'"[^"\n]{1,80}"|“[^”\n]{1,80}”')


def spaced(pattern):
    """The pattern; a space in it matches any white space."""
    return pattern.replace(' ', r'\s+')


COMPILED = [(re.compile(rf'\b(?:{spaced(pattern)})\b', re.I), remedy, re.compile(spaced(right), re.I) if right else None)
            for pattern, remedy, right in WORDS]
QUICK = re.compile('|'.join(rf'\b(?:{spaced(pattern)})\b' for pattern, _, _ in WORDS), re.I)
START = re.compile(rf'(?:\A|[.!?]["\')]?\s+)\s*({spaced(SENTENCE_STARTS)})\b')
FIRST = re.compile(rf'\A\s*({COMMENT_STARTS})\b')
CODE = [(re.compile(rf'\b(?:{pattern})\b'), remedy, re.compile(right) if right else None)
        for pattern, remedy, right in CODE_WORDS]


NOT_A_TYPE = 'return|co_return|co_await|co_yield|case|else|throw|delete|new|goto|sizeof|typename|namespace|using|operator|not'
DECLARATION = re.compile(rf'(?<![\w.>:])(?!(?:{NOT_A_TYPE})\b)[a-zA-Z_][\w:]*(?:<[^;(){{}}]*>)?[&*]*(?:\s+const)?\s+'
                         rf'((?:{"|".join(NAMES)})_?)(?=\s*[,;)={{:[])')


def blank(found):
    return re.sub(r'[^\n]', ' ', found.group(0))


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def without_marks(comment, mark):
    """The comment's text; each line keeps its place."""
    return re.sub(rf'^[ \t]*(?:{mark})', lambda found: '', comment, flags=re.M)


def c_units(text):
    text = C_INCLUDE.sub(blank, text)
    code = []
    end = 0
    for found in C_PROSE.finditer(text):
        code.append(text[end:found.start()])
        code.append(blank(found))
        end = found.end()
        line = line_of(text, found.start())
        if found.group('line') is not None:
            yield line, 'comment', without_marks(found.group('line'), '///?')
        elif found.group('block') is not None:
            yield line, 'comment', without_marks(found.group('block'), r'\*')
        elif found.group('raw') is not None:
            yield line, 'string', found.group('raw')
        elif found.group('string') is not None:
            yield line, 'string', re.sub(r'\\[a-z"]', '  ', found.group('string'))
    code.append(text[end:])
    code = ''.join(code)
    for found in C_TEST.finditer(code):
        yield line_of(code, found.start()), 'name', found.group(2).replace('_', ' ')
    yield 1, 'code', code


def python_units(text):
    comment = None  # (first line, last line, texts) of the open comment block
    code = text.split('\n')

    def erase(token):
        (first, start), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            row = code[number - 1]
            begin, stop = start if number == first else 0, end if number == last else len(row)
            code[number - 1] = row[:begin] + ' ' * (stop - begin) + row[stop:]

    is_start = True  # at the start of a statement, where a string is a docstring
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                body = token.string.lstrip('#')
                erase(token)
                if comment and comment[1] + 1 == token.start[0] and token.line.strip().startswith('#'):
                    comment = (comment[0], token.start[0], comment[2] + [body])
                else:
                    if comment:
                        yield comment[0], 'comment', '\n'.join(comment[2])
                    comment = (token.start[0], token.start[0], [body])
            elif token.type == tokenize.STRING:
                erase(token)
                body = re.sub(r'^\w*("""|\'\'\'|"|\')(.*)\1$', r'\2', token.string, flags=re.S)
                yield token.start[0], 'docstring' if is_start else 'string', re.sub(r'\\[a-z\'"]', '  ', body)
            elif token.type == getattr(tokenize, 'FSTRING_MIDDLE', -1):
                yield token.start[0], 'string', token.string
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                is_start = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    except (tokenize.TokenError, IndentationError):
        pass  # not Python after all; the interpreter reports it
    if comment:
        yield comment[0], 'comment', '\n'.join(comment[2])
    code = '\n'.join(code)
    for found in re.finditer(r'\bdef (test_\w+)', code):
        yield line_of(code, found.start()), 'name', found.group(1)[5:].replace('_', ' ')
    yield 1, 'code', code


def markdown_units(text):
    """Paragraph by paragraph. Fenced blocks count as well: they hold examples that users read."""
    paragraph, first = [], 1
    for number, row in enumerate(text.split('\n') + [''], 1):
        if row.strip() and not row.startswith('#') and not row.lstrip().startswith(('|', '- ', '* ', '```')):
            if not paragraph:
                first = number
            paragraph.append(row)
            continue
        if paragraph:
            yield first, 'markdown', '\n'.join(paragraph)
            paragraph = []
        if row.startswith('#'):
            yield number, 'heading', row.lstrip('# ')
        elif row.lstrip().startswith(('- ', '* ')):
            paragraph, first = [row.replace('- ', '  ', 1).replace('* ', '  ', 1)], number
        elif row.strip():
            yield number, 'table', row


def hash_units(text):
    for found in HASH_COMMENT.finditer(text):
        yield line_of(text, found.start()), 'comment', without_marks(found.group(0), '#!?')


def shell_units(text):
    yield from hash_units(text)
    yield 1, 'string', HASH_COMMENT.sub(blank, text)


def lua_units(text):
    for found in LUA_COMMENT.finditer(text):
        yield line_of(text, found.start()), 'comment', without_marks(found.group(0), '--')


def units_of(path, text):
    """Yields (first line, kind, text) for each piece of prose in a file; nothing for an unknown file type."""
    ending = os.path.splitext(path)[1]
    if ending in ('.cpp', '.hpp', '.go', '.js', '.css'):
        return c_units(text)
    if ending == '.py':
        return python_units(text)
    if ending == '.md':
        return markdown_units(text)
    if ending == '.lua':
        return lua_units(text)
    if ending == '.sh' or path in ('dev', '.ci/run') or text.startswith(('#!/bin/sh', '#!/usr/bin/env bash', '#!/bin/bash')):
        return shell_units(text)
    if ending in HASH_ENDINGS or os.path.basename(path) in HASH_NAMES:
        return hash_units(text)
    return ()


# ---- searching -------------------------------------------------------------------------------------------------------

def find_in_code(first, code):
    for pattern, remedy, right in CODE:
        for found in pattern.finditer(code):
            around = code[max(0, found.start() - 10):found.end() + 10]
            if not (right and right.search(around)):
                yield first + line_of(code, found.start()) - 1, found.group(0), remedy


def find_in_prose(first, kind, text):
    if kind == 'string' and not re.search(r'\s', text.strip()):
        return  # a key, a path, or data
    text = SKIPPED.sub(blank, text) if kind != 'name' else text
    if kind not in ('string', 'name', 'docstring'):
        text = QUOTED.sub(blank, text)
    if QUICK.search(text):
        for pattern, remedy, right in COMPILED:
            for found in pattern.finditer(text):
                around = text[max(0, found.start() - 30):found.end() + 30]
                if not (right and right.search(around)):
                    yield first + line_of(text, found.start()) - 1, ' '.join(found.group(0).split()), remedy
    if kind in ('heading', 'table') or kind == 'string' and text.count(' ') < 4:
        return
    starts = list(START.finditer(text.capitalize() if kind == 'name' else text))
    if kind in ('comment', 'docstring'):
        starts += FIRST.finditer(text)
    for found in starts:
        end = re.search(r'[.!?](\s|$)', text[found.end():])
        if not (end and end.group(0)[0] == '?'):
            yield first + line_of(text, found.start(1)) - 1, found.group(1), START_REMEDY


def find(path, text):
    """Returns (line, message) for each word in the file that has a replacement."""
    if UNREAD.search(path):
        return []
    rows = text.split('\n')
    findings = set()
    for first, kind, prose in units_of(path, text):
        search = find_in_code(first, prose) if kind == 'code' else find_in_prose(first, kind, prose)
        for line, word, remedy in search:
            if EXEMPT not in rows[min(line, len(rows)) - 1]:
                findings.add((line, f'"{word}"; use: {remedy}'))
    return sorted(findings)


def find_names(bare):
    """Returns (line, message) for each declared name in C++ code without comments and literals that is not a noun."""
    return [(line_of(bare, found.start(1)), f'"{found.group(1)}" as a name; {NAME_REMEDY}')
            for found in DECLARATION.finditer(bare)]


def read_pending(root, list_path):
    """Returns the path prefixes whose findings are counted and not printed."""
    path = os.path.join(root, list_path)
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as file:
        return [row.strip() for row in file if row.strip() and not row.startswith('#')]


def pending_prefix(path, prefixes):
    """Returns the longest listed prefix of the path, or None."""
    matching = [prefix for prefix in prefixes if path == prefix or prefix.endswith('/') and path.startswith(prefix)]
    return max(matching, key=len, default=None)
