"""Entry point of the executor program: read the job data, claim, and load the rest only after the claim."""

from __future__ import annotations

import os
import sys

from executors.contract import last_words
from executors.contract.exit_codes import API_LOST, BAD_JOB_DATA, CANCELLED, REFUSED
from executors.contract.job_data import DATA_VARIABLE, FLAG_VARIABLE, JobDataError, decode

from .api import Api
from .claim import make_claim
from .control import Control, listen_for_signals
from .errors import ApiUnavailable, ClaimRefused, Stopped

_START_SECONDS = 120.0


def main() -> int:
    """Run the step that the environment names; return the exit code."""
    control = Control()
    listen_for_signals(control)
    last_words.keep(last_words.UNCLAIMED)
    os.environ.pop(FLAG_VARIABLE, None)
    text = os.environ.pop(DATA_VARIABLE, "")
    try:
        payload = decode(text)
        if payload.attempt_url is None or payload.attempt_token is None:
            raise JobDataError(f"{DATA_VARIABLE} has no attemptUrl, which this executor claims at.")
        api = Api(payload.attempt_url, payload.attempt_token, payload.ca_bundle, os.environ)
        token = payload.attempt_token
        if payload.warm:
            from .waiting import wait_for_attempt

            assignment = wait_for_attempt(api, pause=control.pause)
            token = assignment.attempt_token
            api = Api(assignment.attempt_url, token, payload.ca_bundle, os.environ)
        seconds = float(os.environ.get("TERRAKUBE_START_SECONDS") or _START_SECONDS)
        claim = make_claim(api, seconds=seconds, pause=control.pause)
    except (JobDataError, ValueError) as error:
        return _end(BAD_JOB_DATA, str(error))
    except ClaimRefused as refusal:
        return _end(REFUSED, f"The attempt was not given to this pod, nothing was run: {refusal}")
    except ApiUnavailable as error:
        return _end(API_LOST, f"The API did not answer the claim, nothing was run: {error}")
    except Stopped:
        return _end(CANCELLED, f"{control.reason} Nothing was run.")
    last_words.keep(last_words.CLAIMED)
    os.environ.pop(last_words.NAME, None)
    from .session import run_claimed

    return run_claimed(claim, api, control, os.environ, (payload.attempt_token, token))


def _end(code: int, sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return code


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Exit without teardown: threads may still wait for the API, and freeing thousands of objects takes time.
    os._exit(code)
