"""The life of attempts: the only writer of an Attempt's state.

Every change of state is one conditional UPDATE from the allowed states, so of two callers one wins. A change that
affects the step locks the Job's row first, as in ``workspaces.jobs.transitions``; no call leaves this process while
the lock is held.
"""

from executors.attempts.lifecycle.endings import fail_attempt as fail_attempt
from executors.attempts.lifecycle.endings import fail_unproved as fail_unproved
from executors.attempts.lifecycle.endings import repeat_outcome as repeat_outcome
from executors.attempts.lifecycle.endings import replace_attempt as replace_attempt
from executors.attempts.lifecycle.endings import request_cancel as request_cancel
from executors.attempts.lifecycle.endings import retry_plan as retry_plan
from executors.attempts.lifecycle.launching import decide_shape as decide_shape
from executors.attempts.lifecycle.launching import is_from_earlier_queueing as is_from_earlier_queueing
from executors.attempts.lifecycle.launching import mark_launched as mark_launched
from executors.attempts.lifecycle.launching import open_attempt as open_attempt
from executors.attempts.lifecycle.launching import open_first_attempt as open_first_attempt
from executors.attempts.lifecycle.launching import own_name as own_name
from executors.attempts.lifecycle.launching import postpone_launch as postpone_launch
from executors.attempts.lifecycle.launching import use_job_name as use_job_name
from executors.attempts.lifecycle.launching import use_own_name as use_own_name
from executors.attempts.lifecycle.launching import use_unique_name as use_unique_name
from executors.attempts.lifecycle.reports import Claim as Claim
from executors.attempts.lifecycle.reports import claim_attempt as claim_attempt
from executors.attempts.lifecycle.reports import claim_by_report as claim_by_report
from executors.attempts.lifecycle.reports import end_if_blocked as end_if_blocked
from executors.attempts.lifecycle.reports import has_reported as has_reported
from executors.attempts.lifecycle.reports import orders as orders
from executors.attempts.lifecycle.reports import record_heartbeat as record_heartbeat
from executors.attempts.lifecycle.reports import report_result as report_result
from executors.attempts.lifecycle.writes import MAY_STILL_RUN as MAY_STILL_RUN
from executors.attempts.lifecycle.writes import STILL_THERE as STILL_THERE
from executors.attempts.lifecycle.writes import lock_job as lock_job
from executors.attempts.lifecycle.writes import mark_missing as mark_missing
from executors.attempts.lifecycle.writes import record_event as record_event
from executors.attempts.lifecycle.writes import record_place as record_place
from executors.attempts.lifecycle.writes import record_stop_reason as record_stop_reason
from executors.attempts.reported_result import Report as Report
