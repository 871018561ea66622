package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"

	plans "github.com/mqttspec/mqttspec/suites/device"
)

// deviceOptions is what the flags of device say.
type deviceOptions struct {
	listen   string
	tls, ws  bool
	names    []string
	plan     string
	only     []string
	set      map[string]string
	expect   int
	ci       bool
	arrival  time.Duration
	deadline time.Duration
	hook     string
	api      string
	quiet    bool
	strict   bool
	max      int
	out      string
	profile  string
	seed     int64
	duration time.Duration
	format   string

	clientCert bool

	arguments []string
}

func newDeviceCommand() *cobra.Command {
	o := deviceOptions{}
	cmd := &cobra.Command{
		Use:   "device",
		Short: "Judge devices and client libraries that connect to us",
		Long: `device listens, prints where, and takes each device that connects through a plan: it does things to the
device (withholds an acknowledgement, cuts the connection, announces limits …) and judges what it answers. It ends when
the expected number of devices has been through the plan, with the same reports and exit codes as run.

Devices are told apart by their Client Identifiers. While a device is tested, keys and the HTTP API make the server
misbehave at once.`,
		Example: `  mqttspec device
  mqttspec device --tls --plan advisor
  mqttspec device --plan long-duration --set seed=7,longest=2m
  mqttspec device --plan mqtt5 --only DV-09 --only 'DV-10*'
  mqttspec device --plan my-plan.yaml --hook './press-the-button.sh'
  mqttspec device --plan soak --duration 20m --seed 7
  mqttspec device --ci --expect-clients 3 --arrival 30s --out report`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.arguments = argumentsOf(cmd)
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Int64N(1 << 31)
			}
			ctx := cmd.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			return runDevice(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.listen, "listen", "l", "", "where to listen (default 127.0.0.1 and the port that the transport has)")
	f.BoolVar(&o.tls, "tls", false, "TLS, with certificates made for this run")
	f.BoolVar(&o.ws, "ws", false, "MQTT over WebSocket, on the path /mqtt")
	f.BoolVar(&o.clientCert, "client-cert", false, "with --tls, turn away devices that show no client certificate")
	f.StringArrayVar(&o.names, "name", nil, "name or IP address under which devices reach us, for the certificate (repeatable)")
	f.StringVarP(&o.plan, "plan", "p", "basic", "what to do: a plan that comes with mqttspec, or a YAML file; \"mqttspec list plans\"")
	f.StringArrayVar(&o.only, "only", nil, "run only these steps of the plan: an id or a pattern such as 'DV-1*' (repeatable)")
	f.StringToStringVar(&o.set, "set", nil, "parameters of the plan, such as long-outage=2h (\"mqttspec list plans\" names them)")
	f.IntVarP(&o.expect, "expect-clients", "n", 1, "end when this many devices have been through the plan")
	f.BoolVar(&o.ci, "ci", false, "nobody watches: no keys, and devices must come within --arrival")
	f.DurationVar(&o.arrival, "arrival", time.Minute, "with --ci, how long all devices may take to come")
	f.DurationVar(&o.deadline, "deadline", 0, "stop after this time; what has not run is undecided (0: never)")
	f.DurationVar(&o.duration, "duration", 0, "how long what a plan repeats for a time takes together, such as the outages of soak (0: as the plan says)")
	f.Int64Var(&o.seed, "seed", 0, "makes what chance chooses in a plan the same again (default random)")
	f.StringVar(&o.hook, "hook", "", "makes a device act or reboot: a command, which gets the word and the client id, or a URL to post to")
	f.StringVar(&o.api, "api", "", "address for the HTTP API, such as 127.0.0.1:8474")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show verdicts only, not what passes")
	f.BoolVar(&o.strict, "strict", false, "warnings count as failures")
	f.IntVar(&o.max, "max-undecided", 0, "how many steps may stay undecided before the exit code tells")
	f.StringVar(&o.profile, "profile", "", "what differs for devices of a hosted service: aws-iot-core, or a YAML file")
	f.StringVar(&o.format, "format", "auto", "what to print: tree, lines, json, github, or auto")
	f.StringVarP(&o.out, "out", "o", "mqttspec-report", "directory for the report")
	completeNames(cmd, "plan", plans.Names)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check finds what is wrong with the options before anything starts.
func (o deviceOptions) check() error {
	switch {
	case o.expect < 1:
		return usagef("--expect-clients must be 1 or more")
	case o.deadline < 0, o.max < 0, o.duration < 0, o.arrival <= 0:
		return usagef("--deadline, --duration and --max-undecided cannot be negative, and --arrival must be longer than 0")
	case o.out == "":
		return usagef("--out is empty: it names the directory for the report")
	case len(o.names) > 0 && !o.tls:
		return usagef("--name is about certificates: it needs --tls")
	case o.clientCert && !o.tls:
		return usagef("--client-cert is about certificates: it needs --tls")
	case !slices.Contains(formats, o.format):
		return usagef("--format: there is no %q; there are %v", o.format, formats)
	}
	return nil
}
