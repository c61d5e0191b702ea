"""The network: sockets with a limit on each wait, TLS, and secrets from files."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.net.connections import ServerAddress, UnreachableError, connect
    from backup_monitoring.net.connections import is_private, make_timeout_error, parse_server_uri
    from backup_monitoring.net.connections import secure
    from backup_monitoring.net.secrets import read_password
    from backup_monitoring.net.tls import Trust, explain_failure, explain_rejection, make_context
else:
    __all__, __getattr__ = face(__name__, __file__)
