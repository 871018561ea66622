package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/netfault"
)

func newNetfaultCommand() *cobra.Command {
	var listen, upstream, api string
	var faults []string
	cmd := &cobra.Command{
		Use:   "netfault --upstream HOST:PORT",
		Short: "Run the fault proxy by itself",
		Long: `netfault carries connections to a server and injects faults, at exactly the packet that is named.

It runs until it is interrupted, and prints where it listens. "mqttspec list faults" explains the language of --fault.
With --api, faults can be injected while it runs:

  curl -d '{"fault": "reset"}' http://127.0.0.1:8474/faults
  curl http://127.0.0.1:8474/links`,
		Example: `  mqttspec netfault --listen 127.0.0.1:1884 --upstream 127.0.0.1:1883 --fault reset@to-server:PUBACK:2
  mqttspec netfault --upstream 127.0.0.1:1883 --api 127.0.0.1:8474`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), watched...)
			defer stop()
			return runNetfault(ctx, listen, upstream, api, faults, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&listen, "listen", "l", "127.0.0.1:0", "where to listen; port 0 is a free one")
	f.StringVarP(&upstream, "upstream", "u", "", "where the server is: host:port")
	f.StringArrayVarP(&faults, "fault", "f", nil, "a fault to arm on the connections (repeatable)")
	f.StringVar(&api, "api", "", "serve the HTTP API here, such as 127.0.0.1:8474")
	return cmd
}

// runNetfault carries until ctx ends.
func runNetfault(ctx context.Context, listen, upstream, api string, faults []string, stdout io.Writer) error {
	upstream, err := onLoopback(upstream)
	if err != nil {
		return usagef("--upstream: %w", err)
	}
	p := netfault.NewUnstartedProxy(upstream)
	if p.Addr, err = onLoopback(listen); err != nil {
		return usagef("--listen: %w", err)
	}
	for _, text := range faults {
		f, err := netfault.ParseFault(text)
		if err != nil {
			return usagef("--fault: %w", err)
		}
		p.Faults = append(p.Faults, f)
	}
	if err := p.Start(); err != nil {
		return usagef("--listen %s: %w", listen, reasonOf(err))
	}
	defer p.Close()
	failed := make(chan error, 1)
	if api != "" {
		address, err := onLoopback(api)
		if err != nil {
			return usagef("--api: %w", err)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return usagef("--api %s: %w", api, reasonOf(err))
		}
		server := &http.Server{Handler: p.API(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		go func() { failed <- server.Serve(l) }()
		defer server.Close()
		fmt.Fprintf(stdout, "API on http://%s\n", l.Addr())
	}
	fmt.Fprintf(stdout, "listening on %s, carrying to %s\n", p.Addr, upstream)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return usagef("--api: %w", err)
	}
}

// onLoopback reads host:port. Without a host it is on loopback.
func onLoopback(address string) (string, error) {
	if address == "" {
		return "", errors.New("an address such as 127.0.0.1:1883 is needed")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return "", fmt.Errorf("%q is no address such as 127.0.0.1:1883", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
