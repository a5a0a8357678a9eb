"""The app of most tests, with a hook that writes the errors it is told of into the journal."""

import maitred
from main import app as app
from main import write_down


@maitred.on_error
def report(error, context):
    """One line for each error."""
    where = f"{context.what}|{context.request_id}|{context.path}"
    write_down(f"{type(error).__name__}|{where}")
