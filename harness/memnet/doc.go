// Package memnet makes connections that live in memory and behave as loopback
// TCP does on Linux: what is written is buffered up to a limit, a close is seen
// as end of file, an abort as a reset, and one direction can end before the
// other. Package net has Pipe, which buffers nothing and knows no reset.
//
// Every wait is a [sync.Cond], and every deadline a timer, so a goroutine that
// waits here is durably blocked in the sense of testing/synctest: in a bubble,
// virtual time moves on while it waits. A connection belongs to the bubble in
// which its deadlines are set.
//
// The behaviour that is modelled is the script in tcp_test.go, which runs on
// real sockets as well. Three simplifications remain. Delivery is immediate:
// there is no difference between bytes sent and bytes received, so bytes written
// before an abort always arrive. The buffer has an exact size. And where a reset
// finds both a Read and a Write waiting, it is always the Read that reports it,
// where the kernel gives it to whichever comes first.
package memnet
