"""The sentences that the program in the pod reports, ready for translation.

It stands on the standard library alone and can mark nothing itself. They are listed here for the tool that gathers
texts, without their full stops; a test compares them with the program.
"""

from django.utils.translation import gettext_noop as _

TEXTS = frozenset(
    (
        _("The plan has changes"),
        _("The plan has no changes"),
        _("The changes are applied"),
        _("Everything is destroyed"),
        _("The scripts are done"),
        _("The job was cancelled"),
        _("The job was cancelled with force"),
        _("The executor was told to stop ({signal})"),
        _(
            "The step used {used} of its limit of {limit} of memory and was stopped in good order, before it would "
            "have been killed"
        ),
        _("The executor itself failed: {error}"),
        _("This executor knows no step type {type}"),
        _("A script ended with exit code {code}"),
        _("This executor runs BASH scripts only, not {runtime}"),
        _("{program} could not be started: {error}"),
        _("The stored plan of this job is gone, so there is nothing to apply"),
        _("The {file} could not be exchanged with the API: {error}"),
        _("The state that terraform wrote last could not be delivered; it is only in the pod"),
        _("The file {file} cannot be read: {error}"),
        _("The file {file} cannot be written: {error}"),
        _("The environment variable {name} holds a character that no program can get"),
        _("The environment variable {name} takes {size} bytes; Linux allows 128 KiB"),
        _("The variable {name} has the type {type}, and its value is no complete HCL expression"),
        _("This executor cannot log in to a repository of type {type}"),
        _("The source is no address that can be read"),
        _("The source has no folder {folder}"),
        _("The folder {folder} leads out of the source"),
        _("The repository has no branch or tag {branch}"),
        _("The repository no longer has the commit {commit}"),
        _("The commit is not a full hash"),
        _("{problem}; git's message is in the log"),
        _("The uploaded source could not be fetched: {error}"),
        _("The source archive was refused: {error}"),
        _("The source could not be unpacked: {error}"),
        _("The workspace has no source to clone"),
        _("The workspace names no branch or tag"),
        _("{problem}, and the index of releases has no such version ({version})"),
        _("{problem}, and the index of releases cannot be read: {error}"),
        _("{tool} {version} has no checksum file in the index, so it cannot be verified"),
        _("{tool} {version} could not be downloaded: {error}"),
        _("The {tool} version of the workspace cannot be read: {error}"),
        _("No tool can be stored: {folder} is not writable"),
    )
)
