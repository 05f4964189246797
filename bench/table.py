"""The table of a run: measured values, values of the peer, ratios and targets."""

import json
import math
import os


def number(value):
    """Formats a value with its significant digits."""
    if value is None:
        return ''
    if value == int(value) or abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:,.{2 if abs(value) >= 1 else 3}f}'


class Table:
    """Ratios above 1 are in favour of dbaas, for rates and for costs alike."""

    def __init__(self, targets_count=True):
        self.rows, self.facts, self.targets_count = [], {}, targets_count
        self.part = ''

    def begin(self, part):
        self.part = part
        print(f'\n{part}:', flush=True)

    def add(self, what, value, unit='', *, peer=None, peer_name='', cost=False, minimum=None, maximum=None, min_ratio=None):
        """Adds a row. `peer`: the value of the program `peer_name`. `cost`: a lower value is better. Pass at most one limit."""
        ratio = None
        if peer and value:
            ratio = peer / value if cost else value / peer
        target, is_met = None, None
        if not math.isfinite(value):
            pass  # no value was measured
        elif min_ratio is not None:
            target, is_met = f'ratio ≥ {min_ratio:g}', ratio is not None and ratio >= min_ratio
        elif minimum is not None:
            target, is_met = f'≥ {minimum:,.4g}', value >= minimum
        elif maximum is not None:
            target, is_met = f'≤ {maximum:,g}' if maximum else 'none', value <= maximum
        self._take({'what': what, 'value': value, 'unit': unit, 'peer': peer, 'peer_name': peer_name, 'ratio': ratio, 'target': target,
                    'kept': is_met if self.targets_count else None})

    def missing(self, what, reason):
        """Adds a row without a value. The run does not fail."""
        self._take({'what': what, 'missing': reason})

    def failed(self, reason):
        """Adds a row for a part that failed with an error or an assertion."""
        self._take({'what': 'the whole part', 'failed': reason})

    def _take(self, row):
        row = {'part': self.part, **row}
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                row[key] = None
        self.rows.append(row)
        print('  ' + '  '.join(f'{cell:<{width}}' for cell, width in zip(cells(row)[1:], (58, 20, 34, 6, 0))).rstrip(), flush=True)

    def is_good(self):
        return not any('failed' in row or row.get('kept') is False for row in self.rows)

    def text(self):
        lines = [f'{name}: {value}  ' for name, value in self.facts.items()]
        lines += ['', '| part | what | dbaas | compared with | ratio | target |', '|---|---|---:|---:|---:|---|']
        lines += ['| ' + ' | '.join(cells(row)) + ' |' for row in self.rows]
        return '\n'.join(lines) + '\n'

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'result.md'), 'w', encoding='utf-8') as file:
            file.write(self.text())
        with open(os.path.join(folder, 'result.json'), 'w', encoding='utf-8') as file:
            json.dump({'facts': self.facts, 'rows': self.rows}, file, indent=1, ensure_ascii=False)


def cells(row):
    if 'missing' in row:
        return [row['part'], row['what'], 'not measured', row['missing'], '', '']
    if 'failed' in row:
        return [row['part'], row['what'], 'FAILED', row['failed'].replace('\n', ' '), '', '']
    unit = f" {row['unit']}" if row['unit'] else ''
    peer = f"{number(row['peer'])}{unit}, {row['peer_name']}" if row['peer'] is not None else ''
    verdict = {None: '', True: ' ok', False: ' MISSED'}[row['kept']]
    return [row['part'], row['what'], number(row['value']) + unit, peer, '' if row['ratio'] is None else f"{row['ratio']:.2f}",
            (row['target'] or '') + verdict]
