"""Opens the directory that the settings name: LDAP servers or an LDIF file."""

from backup_monitoring.directory.base import Directory, PhaseCallback
from backup_monitoring.model import SettingsError
from backup_monitoring.net import read_password
from backup_monitoring.settings import DirectorySettings


def open_directory(
    settings: DirectorySettings, phase: PhaseCallback, last_error: str | None = None
) -> Directory:
    """Return the directory of *settings*, opened.

    Args:
        settings: section [directory].
        phase: called with a few words before each wait, for the time limit's message.
        last_error: of the run before: the server that it is of comes last.

    Raises:
        DirectoryError: no server could be used, or the file cannot be read.
        SettingsError: ``uri`` is not valid, or the password cannot be read.
    """
    if last_error is not None:
        # It may fail again in the middle of an answer, where no other server can continue.
        uris = sorted(settings.uri, key=lambda uri: last_error.startswith(f"{uri}: "))
        settings = settings._replace(uri=tuple(uris))
    directory = create_directory(settings, phase)
    try:
        for _ in directory.steps():
            pass
    except BaseException:
        directory.close()
        raise
    return directory


def create_directory(settings: DirectorySettings, phase: PhaseCallback) -> Directory:
    """Return the directory of *settings*, not open yet; raises as `open_directory`."""
    # Imported where they are used: loading the LDAP library takes most of a check's time.
    files = [uri for uri in settings.uri if uri.lower().startswith("ldif:")]
    if not settings.uri or (files and len(settings.uri) > 1):
        problem = "a file cannot be combined with others" if files else "not set"
        remedy = "set one ldif: file, or the servers"
        raise SettingsError(f"{settings.file}: [directory] uri", problem, remedy)
    if files:
        from backup_monitoring.directory.ldif import LdifDirectory

        return LdifDirectory(settings, phase)
    from backup_monitoring.directory.ldap import LdapDirectory

    if settings.bind == "simple" and not settings.password and settings.password_file:
        settings = settings._replace(password=read_password(settings.password_file))
    return LdapDirectory(settings, phase)
