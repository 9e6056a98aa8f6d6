"""The final form of a message, by kind: what an unconfigured door would have put on the wire."""

from __future__ import annotations

from eco_assets.jorge.doors.door import Form, Message


def form_of(kind: str, key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """What leaves for a message of a kind (`email`, `webhook`, `sql`, `mqtt`, `notion`, `file`); nothing more than itself otherwise.

    Raises:
        PermanentError: the message lacks what its kind needs.
    """
    from eco_assets.jorge.doors import file, mqtt, notion, smtp, sql, webhook

    if kind == "email" or (not kind and "template" in message):
        return smtp.form(key, message, is_withdrawal=is_withdrawal)
    if kind == "webhook":
        return webhook.form(key, message, is_withdrawal=is_withdrawal)
    if kind == "sql":
        return sql.form(key, message, is_withdrawal=is_withdrawal)
    if kind == "mqtt":
        return mqtt.form(key, message, is_withdrawal=is_withdrawal)
    if kind == "notion":
        return notion.form(key, message, is_withdrawal=is_withdrawal)
    if kind == "file":
        return file.form(key, message, is_withdrawal=is_withdrawal)
    return Form({})
