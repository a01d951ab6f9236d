"""What goes back to a repository: the status of a commit, and the comments of a pull request.

Texts are English, like all that is answered to programs: a pull request has many readers, and a worker knows none of
them.
"""
