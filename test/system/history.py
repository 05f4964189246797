"""The history of a test with many clients, and its check: no acknowledged write lost, none applied twice, no stale read.

A value is the integer in the label `step` of a database. Each register is one database with one writing client, which
writes 0 (create), 1, 2, … and at the end perhaps GONE (delete). Each counter is one database that several clients
increment with If-Match. Times are those of time.monotonic() in seconds.
"""

import dataclasses
import threading

GONE = None
ACKED, REJECTED, UNKNOWN = 'acked', 'rejected', 'unknown'
AGE_ERROR = 2  # seconds: ages and times are rounded


@dataclasses.dataclass
class Write:
    """One write with all attempts under its key. UNKNOWN: it may have been applied, or may still be applied."""
    target: str
    value: int | None
    start: float
    end: float = 0.0
    outcome: str = UNKNOWN
    revision: int = 0  # in the response, 0 without one
    database: str = ''  # the id in the response
    is_increment: bool = False
    statuses: list = dataclasses.field(default_factory=list)  # of the attempts; 0 without a response


@dataclasses.dataclass
class Read:
    """One GET. `status` is 0 without a response, `value` is GONE for 404."""
    target: str
    replica: str
    start: float
    end: float
    status: int
    value: int | None = GONE


@dataclasses.dataclass
class Sample:
    """The metrics of a database in one response. `start`, `end` and `last_updated` are seconds of the wall clock."""
    target: str
    replica: str
    start: float
    end: float
    is_fresh: bool
    age: float
    last_updated: float
    interval: float


@dataclasses.dataclass
class Stored:
    """A database in the store at the end. `objects` and `updates` are the objects and OpsRequests of the cluster."""
    value: int | None
    database: str
    revision: int = 0
    objects: int = 1


class History:
    """The recorded events of all clients. Thread-safe."""

    def __init__(self):
        self.mutex = threading.Lock()
        self.writes, self.reads, self.samples, self.faults = [], [], [], []

    def add(self, event):
        entries = {Write: self.writes, Read: self.reads, Sample: self.samples, str: self.faults}[type(event)]
        with self.mutex:
            entries.append(event)

    def count(self, outcome):
        with self.mutex:
            return sum(write.outcome == outcome for write in self.writes)

    def statuses(self):
        """Returns the number of attempts of writes per status; 0 without a response."""
        with self.mutex:
            statuses = [status for write in self.writes for status in write.statuses]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    def writes_of(self, target):
        return sorted((write for write in self.writes if write.target == target), key=lambda write: write.start)

    def targets(self):
        return sorted({write.target for write in self.writes})

    def check(self, stored, bound, outages=()):
        """Returns the violations as sentences; empty if the history is correct.

        stored: Stored per target at the end. bound: seconds from the response of a write until every read shows it.
        outages: intervals (start, end, name) in which the replica of this name, or each one if it is None, cannot read
        the store; they extend the bound.
        """
        found = list(self.faults)
        for target in self.targets():
            writes = self.writes_of(target)
            found += check_final(target, writes, stored.get(target))
            found += check_identity(target, writes, stored.get(target))
            reads = [read for read in self.reads if read.target == target]
            found += check_reads(target, writes, reads, bound, outages)
        found += [f'{target} is in the store, and no client wrote it' for target in stored if target not in self.targets()]
        found += [line for sample in self.samples for line in check_sample(sample)]
        return found

    def gaps(self):
        """Returns the largest gap between two successive samples per target in seconds."""
        result = {}
        for target in {sample.target for sample in self.samples}:
            times = sorted({sample.last_updated for sample in self.samples if sample.target == target})
            result[target] = max((after - before for before, after in zip(times, times[1:])), default=0)
        return result


def show(value):
    return 'deleted' if value is GONE else str(value)


def check_final(target, writes, final):
    """An acknowledged write must be in the store, unless a later write replaced it; a rejected one must not be."""
    value = final.value if final else GONE
    acked = [write for write in writes if write.outcome == ACKED]
    if any(write.is_increment for write in writes):
        return check_counter(target, writes, value)
    last = acked[-1] if acked else None
    allowed = {last.value if last else GONE}
    # A write without a final response is concurrent with all later ones.
    allowed |= {write.value for write in writes if write.outcome == UNKNOWN}
    if value in allowed:
        return []
    if last and value is GONE:
        return [f'lost: {target} is deleted, and the write of {show(last.value)} was acknowledged']
    if any(write.outcome == REJECTED and write.value == value for write in writes):
        return [f'{target} is {show(value)}, and the write of it was rejected']
    if last and any(write.value == value for write in acked):
        return [f'lost or applied twice: {target} is {show(value)}, and a later write of {show(last.value)} was acknowledged']
    return [f'{target} is {show(value)}, which no client wrote']


def check_counter(target, writes, value):
    """Each increment is applied once: the values of acknowledged ones differ, and the others fill at most the gaps."""
    increments = [write for write in writes if write.is_increment]
    acked = [write.value for write in increments if write.outcome == ACKED]
    unknown = [write.value for write in increments if write.outcome == UNKNOWN]
    found = [f'lost: two increments of {target} to {number} were acknowledged'
             for number in sorted(set(acked)) if acked.count(number) > 1]
    final = value or 0
    if acked and final < max(acked):
        found.append(f'lost: {target} is {final}, and an increment to {max(acked)} was acknowledged')
    excess = set(range(1, final + 1)) - set(acked) - set(unknown)
    found += [f'applied twice: {target} is {final}, and no client incremented it to {number}' for number in sorted(excess)]
    return found


def check_identity(target, writes, final):
    """Responses of one database name one id and increasing revisions; the cluster has one object of it."""
    found = []
    acked = [write for write in writes if write.outcome == ACKED]
    ids = {write.database for write in acked if write.database} | ({final.database} if final else set())
    if len(ids) > 1:
        found.append(f'applied twice: {target} has the ids {", ".join(sorted(ids))}')
    by_revision = sorted((write for write in acked if write.revision), key=lambda write: write.revision)
    for before, after in zip(by_revision, by_revision[1:]):
        if before.revision == after.revision:
            found.append(f'lost: two writes of {target} ({show(before.value)}, {show(after.value)}) have revision {after.revision}')
        elif after.end < before.start:
            found.append(f'{target}: revision {after.revision} was returned before revision {before.revision} was requested')
    if final and by_revision and final.revision and final.revision < by_revision[-1].revision:
        found.append(f'lost: {target} has revision {final.revision}, and {by_revision[-1].revision} was acknowledged')
    if final and final.objects != 1:
        found.append(f'{target} has {final.objects} objects in the cluster')
    return found


def overlap(outages, replica, start, end):
    return sum(max(0, min(end, until) - max(start, since)) for since, until, name in outages if name in (None, replica))


def check_reads(target, writes, reads, bound, outages):
    found = []
    is_counter = any(write.is_increment for write in writes)  # its values have no order of one client
    for read in reads:
        if read.status not in (200, 404):
            found.append(f'a read of {target} from {read.replica} returned {read.status}')
            continue
        if is_counter:
            continue
        begun = [write.value for write in writes if write.start <= read.end and write.outcome != REJECTED]
        if read.status == 404 and GONE in begun:
            continue
        if read.status == 200 and read.value not in begun:
            found.append(f'{read.replica} returned {show(read.value)} of {target}, which no client had written')
        # A deleted database is served until the cluster has confirmed its deletion.
        visible = [write for write in writes if write.outcome == ACKED and write.value is not GONE and
                   read.start - write.end - overlap(outages, read.replica, write.end, read.start) > bound]
        if visible and (read.status == 404 or read.value < visible[-1].value):
            found.append(f'stale: {read.replica} returned {"404" if read.status == 404 else read.value} for {target} '
                         f'{read.start - visible[-1].end:.2f} s after the write of {visible[-1].value}')
    return found


def check_sample(sample):
    """The age of metrics is the time since they were scraped, and metrics are fresh for three intervals at most."""
    age_min, age_max = sample.start - sample.last_updated, sample.end - sample.last_updated
    where = f'metrics of {sample.target} from {sample.replica}'
    if not age_min - AGE_ERROR <= sample.age <= age_max + AGE_ERROR:
        return [f'{where}: the age is {sample.age} s, and they are from {age_max:.1f} s ago']
    if sample.is_fresh and age_min > 3 * sample.interval + AGE_ERROR:
        return [f'{where}: fresh after {age_min:.1f} s with an interval of {sample.interval} s']
    return []
