"""What each key and role may do, from the table that the gate decides by."""

from typing import Final

from generator.markdown import table
from spanglass_store.state.rights import ALL_PROJECTS, KEY_RIGHTS, Right, Role, role_rights

_MEANINGS: Final = {
    Right.INGEST: "send telemetry (keys alone), scores and feedback",
    Right.READ: "look at everything of the project; prompts and answers take the grant for content",
    Right.WORK: "save views, take alerts and incidents, label answers",
    Right.EDIT: "make and change prompts, datasets, review queues and runs of experiments",
    Right.MANAGE: "move a prompt's labels, delete prompts, datasets and experiments, set budgets,"
    " give roles in the project",
    Right.REVEAL: "turn pseudonyms back ([privacy](../privacy.md)); every one is in the audit log",
    Right.ADMIN: "keys, accounts, rules and silences of alerts, prices, jobs, imports, dead"
    " letters, erasing, the audit log",
}


def page() -> str:
    """The page."""
    columns = {
        **{f"key `{scope}`": rights for scope, rights in KEY_RIGHTS.items()},
        **{f"`{role}`": role_rights(role, "a project") for role in Role},
        "`admin` of all projects": role_rights(Role.ADMIN, ALL_PROJECTS),
    }
    rows = [
        (
            f"`{right}`",
            _MEANINGS[right],
            *("yes" if right in has else "" for has in columns.values()),
        )
        for right in Right
    ]
    return (
        "# Keys and roles\n\n"
        "Programs come with a [key](../operations.md#keys), people with an"
        " [account](../operations.md#accounts). A key has its rights in its own project, an admin"
        " key in all of them; an account has those of its role, project by project. Prompts and"
        " answers take a grant beside that, which each key and account has or has not.\n\n"
        + table(("right", "what it is", *columns), rows)
        + "An answer is 401 to who is not known, and 403, with the reason, to who is known and may"
        " not.\n"
    )
