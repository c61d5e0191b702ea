"""The mails: a message in its reader's language, and the transports that take it."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.mail.about import About
    from backup_monitoring.mail.addresses import AddressError, Mailbox, clean_name, parse_address
    from backup_monitoring.mail.addresses import parse_mailbox
    from backup_monitoring.mail.compose import Mail, compose_event
    from backup_monitoring.mail.content import ListItem, ListPurpose, MailList
    from backup_monitoring.mail.delivery_report import MAX_BYTES, parse_report
    from backup_monitoring.mail.headers import MailError, choose_sender
    from backup_monitoring.mail.headers import make_message_id
    from backup_monitoring.mail.lists import compose_list, compose_parts
    from backup_monitoring.mail.return_path import TOKEN, find_tokens, make_return_path
    from backup_monitoring.mail.samples import preview_messages
    from backup_monitoring.mail.transport import WAIT, SendOutcome, SendResult, Transport
    from backup_monitoring.mail.transport import TransportError, TransportRemark
    from backup_monitoring.mail.transport_selection import open_transport, try_transport
else:
    __all__, __getattr__ = face(__name__, __file__)
