"""The life of jobs and steps: the only writer of ``Job.status`` and ``Step.status``.

Every function locks the row of the Job, which stands for all of its steps, unless its caller passes the ``LockedStep``
that it holds; it checks the move against the table, and queues what comes next on commit. A final status never changes;
a late or repeated call returns False or None instead of raising.
"""

from workspaces.jobs.transitions.advancing import advance as advance
from workspaces.jobs.transitions.advancing import hand_over as hand_over
from workspaces.jobs.transitions.decisions import cancel as cancel
from workspaces.jobs.transitions.decisions import decide as decide
from workspaces.jobs.transitions.decisions import drop_waiting as drop_waiting
from workspaces.jobs.transitions.reports import explain as explain
from workspaces.jobs.transitions.reports import finish_step as finish_step
from workspaces.jobs.transitions.reports import note_interruption as note_interruption
from workspaces.jobs.transitions.reports import obstacle_to as obstacle_to
from workspaces.jobs.transitions.reports import pin_commit as pin_commit
from workspaces.jobs.transitions.reports import put_back as put_back
from workspaces.jobs.transitions.reports import release_workspace as release_workspace
from workspaces.jobs.transitions.reports import start_again as start_again
from workspaces.jobs.transitions.reports import start_step as start_step
from workspaces.jobs.transitions.room import leave_line as leave_line
from workspaces.jobs.transitions.table import Outcome as Outcome
from workspaces.jobs.transitions.writes import LockedStep as LockedStep
from workspaces.jobs.transitions.writes import lock_job as lock_job
from workspaces.jobs.transitions.writes import lock_step as lock_step
