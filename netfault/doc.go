// Package netfault is a TCP proxy for MQTT that knows packets, so that a fault can be placed exactly: reset the link
// when the second PUBACK passes, withhold everything from a PUBREC on, cut right after a PUBLISH went through.
//
// A [Link] is one client's way to its server; the client's end is in memory, so a test needs no ports and runs in
// virtual time. A [Proxy] listens on TCP and gives each connection that it accepts a Link of its own.
//
// Faults come in two forms. Methods such as [Link.Reset] and [Link.Stall] act at once, on an idle link too.
// [Link.On] arms a [Rule], which acts when a packet comes by; called before [Link.Dial] it is in force before the first
// byte.
//
// Without faults a Link is transparent: bytes go on as they arrive, an end of one direction (FIN) is an end of that
// direction only, a reset (RST) becomes a reset on the other side, after the bytes that came before it. Only a packet
// that an armed rule could hit is held until it is whole. Where bytes cannot be told apart into packets (a Remaining
// Length of five bytes, or of more than 16 MiB) the rest of that direction passes as it is, no rule acts on it, and
// the trace says so.
//
// A reset follows the bytes before it at once. On a real network, bytes that were still on their way may be lost to
// it, as with any reset; on loopback and in memory they arrive.
package netfault
