"""The one table of a run: what was measured, beside whom, and whether its target was kept."""

import json
import math
import os


def number(value):
    """As many digits as say something."""
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

    def add(self, what, value, unit='', *, peer=None, beside='', cost=False, least=None, most=None, least_ratio=None):
        """A row. `peer` is what `beside` reached; `cost`: less is better. Of the limits one at most: of the value, or of the ratio."""
        ratio = None
        if peer and value:
            ratio = peer / value if cost else value / peer
        target, kept = None, None
        if not math.isfinite(value):
            pass  # nothing was there to be measured
        elif least_ratio is not None:
            target, kept = f'ratio ≥ {least_ratio:g}', ratio is not None and ratio >= least_ratio
        elif least is not None:
            target, kept = f'≥ {least:,.4g}', value >= least
        elif most is not None:
            target, kept = f'≤ {most:,g}' if most else 'none', value <= most
        self._take({'what': what, 'value': value, 'unit': unit, 'peer': peer, 'beside': beside, 'ratio': ratio, 'target': target,
                    'kept': kept if self.targets_count else None})

    def missing(self, what, why):
        """A row that could not be measured; that is no failure."""
        self._take({'what': what, 'missing': why})

    def failed(self, why):
        """The part broke off, or what it proves does not hold."""
        self._take({'what': 'the part itself', 'failed': why})

    def _take(self, row):
        row = {'part': self.part, **row}
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                row[key] = None
        self.rows.append(row)
        print('  ' + '  '.join(f'{cell:<{width}}' for cell, width in zip(cells(row)[1:], (58, 20, 34, 6, 0))).rstrip(), flush=True)

    def is_good(self):
        return not any('failed' in each or each.get('kept') is False for each in self.rows)

    def text(self):
        lines = [f'{name}: {value}  ' for name, value in self.facts.items()]
        lines += ['', '| part | what | dbaas | beside | ratio | target |', '|---|---|---:|---:|---:|---|']
        lines += ['| ' + ' | '.join(cells(each)) + ' |' for each in self.rows]
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
    beside = f"{number(row['peer'])}{unit}, {row['beside']}" if row['peer'] is not None else ''
    verdict = {None: '', True: ' ok', False: ' MISSED'}[row['kept']]
    return [row['part'], row['what'], number(row['value']) + unit, beside, '' if row['ratio'] is None else f"{row['ratio']:.2f}",
            (row['target'] or '') + verdict]
