"""A certificate authority of a test's own, and a certificate for 127.0.0.1 that it signed."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, expired: bool = False) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=9 if expired else 0)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


class Authority:
    """`ca`, `certificate` and `key` are the paths of PEM files in `directory`."""

    def __init__(self, directory: pathlib.Path):
        self.ca, self.certificate, self.key = (str(directory / name) for name in ("ca.pem", "server.pem", "server.key"))
        own = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        ca = (
            _builder("Test Authority", "Test Authority", own)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .sign(own, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        pathlib.Path(self.ca).write_bytes(ca.public_bytes(pem))
        self.directory, self._own = directory, own
        self.certify("server")

    def certify(self, name: str, *, address: str = "127.0.0.1", expired: bool = False, by_itself: bool = False) -> tuple[str, str]:
        """The paths of a certificate for `address` and its key; `by_itself`: nobody else signed it."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("localhost")]
        builder = _builder(address, address if by_itself else "Test Authority", key, expired)
        signer = key if by_itself else self._own
        leaf = (
            builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        paths = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        paths[0].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(_pem(key))
        return str(paths[0]), str(paths[1])
