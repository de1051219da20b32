"""What the page's one form sends."""

from __future__ import annotations

from django import forms

from whitelist.addresses import AddressError, IPAddress, parse_address


class RequestForm(forms.Form):
    """`captcha_0` is the code's key, `captcha_1` the answer.

    `address` is the one that the page showed; other clients of the interface leave it out.
    `letters`: whether the member wants to hear of the entry by e-mail.
    """

    captcha_0 = forms.CharField(max_length=40)
    captcha_1 = forms.CharField(max_length=40)
    address = forms.CharField(max_length=45, required=False)
    letters = forms.BooleanField(required=False)

    @property
    def key(self) -> str:
        key: str = self.cleaned_data.get("captcha_0", "")
        return key

    @property
    def answer(self) -> str:
        answer: str = self.cleaned_data.get("captcha_1", "")
        return answer

    @property
    def wants_letters(self) -> bool:
        return bool(self.cleaned_data.get("letters"))

    @property
    def shown_address(self) -> IPAddress | None:
        """The address that the page showed; None where none was sent, or none that is one."""
        try:
            return parse_address(self.cleaned_data.get("address", ""))
        except AddressError:
            return None

    def was_shown_another(self, address: IPAddress) -> bool:
        """Whether the member agreed to something else than what would be done."""
        sent = self["address"].value() or ""
        return bool(sent) and self.shown_address != address
