"""What Alembic runs: the steps, on the connection that it is handed."""

from alembic import context


def run() -> None:
    """Take the steps."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # it is not when anything but Alembic imports this
    run()
