"""The error tree. Add a class when a caller must tell it apart; a message says what happened and what to do.

EcoError
├── PermanentError      trying again will not help; somebody must change something
│   ├── ConfigError     a setting is missing, unknown or malformed
│   ├── ContractError   a data contract is malformed or cannot be met by design
│   ├── DataRejected    a batch breaks its contract and was quarantined
│   ├── PolicyError     a policy file is malformed or names something unknown
│   ├── ModelRejected   a trained model does not beat its baseline, or no champion exists
│   ├── LedgerError     the ledger's chain is broken, or an entry would be changed
│   ├── ProviderRefused a language model's provider refused us for good: wrong key, malformed request, quota used up
│   ├── AnswerRefused   a language model's answer is none of the choices
│   ├── OutcomeUnknown  an action that cannot be repeated may have happened; a person must find out
│   ├── ActionRefused   the outside world refused an action for good (no capacity, no such door)
│   ├── SourceRefused   a source refused us for good: wrong credentials, unknown stream, malformed answer
│   ├── RequestRefused  a request to a service cannot be met as it is: unknown name, wrong type, a key used for another request
│   └── NotFound        an id or name that nothing is known by
└── TransientError      the same call may go through later
    ├── LakeBusy        other processes kept the lake's catalogue busy for too long
    ├── WorkerLost      a worker process of a training was killed; nothing of it was kept
    ├── ProviderUnavailable a language model's provider did not answer in time, or asked us to slow down
    ├── SourceUnavailable a source did not answer, or asked us to wait for longer than we may
    ├── DoorUnavailable an outside system did not answer
    ├── Overloaded      more is asked than can be recorded at this moment; nothing was recorded
    └── DeadlineExceeded a decision was not recorded in the time that its request gave; nothing was recorded
"""

from __future__ import annotations


class EcoError(Exception):
    """Anything Eco raises on purpose."""


class PermanentError(EcoError):
    """Trying again will not help."""


class TransientError(EcoError):
    """The same call may go through later."""


class ConfigError(PermanentError):
    """A setting is missing, unknown or malformed."""


class ContractError(PermanentError):
    """A data contract is malformed, or cannot be met by design."""


class DataRejected(PermanentError):
    """A batch breaks its contract and was quarantined."""


class PolicyError(PermanentError):
    """A policy file is malformed or names something unknown."""


class ModelRejected(PermanentError):
    """A trained model does not beat its baseline, or no champion exists."""


class LedgerError(PermanentError):
    """The ledger's chain is broken, or an entry would be changed."""


class ProviderRefused(PermanentError):
    """A language model's provider refused us for good: wrong key, malformed request, quota used up."""


class AnswerRefused(PermanentError):
    """A language model's answer is none of the choices, or cannot be read."""


class OutcomeUnknown(PermanentError):
    """An action that cannot be repeated may have happened; a person must find out."""


class ActionRefused(PermanentError):
    """The outside world refused an action for good."""


class SourceRefused(PermanentError):
    """A source refused us for good: wrong credentials, an unknown stream, an answer that cannot be read."""


class RequestRefused(PermanentError):
    """A request to a service cannot be met as it is; the message says what to change."""


class NotFound(PermanentError):
    """An id or a name that nothing is known by."""


class WorkerLost(TransientError):
    """A worker process of a training was killed; nothing of it was kept."""


class LakeBusy(TransientError):
    """Other processes kept the lake's catalogue busy for too long."""


class ProviderUnavailable(TransientError):
    """A language model's provider did not answer in time, or asked us to slow down."""


class SourceUnavailable(TransientError):
    """A source did not answer, or asked us to wait for longer than we may."""


class DoorUnavailable(TransientError):
    """An outside system did not answer."""


class Overloaded(TransientError):
    """More is asked than can be recorded at this moment; nothing was recorded."""


class DeadlineExceeded(TransientError):
    """A decision was not recorded in the time that its request gave; nothing was recorded."""


def is_transient(error: BaseException | None) -> bool:
    """Whether the same call may go through later, judged by the innermost error of the tree, or a connection that broke.

    Dagster and libraries wrap what was raised, so causes are looked through. What nobody knows is not tried again.
    """
    verdict = False
    while error is not None:
        if isinstance(error, PermanentError):
            return False
        verdict = verdict or isinstance(error, (TransientError, ConnectionError, TimeoutError))
        error = error.__cause__ or error.__context__
    return verdict
