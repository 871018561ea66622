"""Lets names below localhost be this machine, as RFC 6761 wants and not every resolver does. Python imports it by itself
if its directory is on PYTHONPATH. AWSIoTPythonSDK opens WebSockets to names of AWS's form only, such as
device.iot.us-east-1.amazonaws.localhost."""

import socket

_getaddrinfo = socket.getaddrinfo


def _loopback(host, *arguments, **named):
    if isinstance(host, str) and host.endswith(".localhost"):
        host = "127.0.0.1"
    return _getaddrinfo(host, *arguments, **named)


socket.getaddrinfo = _loopback
