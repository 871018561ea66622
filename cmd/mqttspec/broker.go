package main

import (
	"context"
	"log/slog"
	"os/signal"

	"github.com/spf13/cobra"

	broker "github.com/mqttspec/mqttspec/reference-broker"
)

func newBrokerCommand() *cobra.Command {
	o := brokerOptions{}
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run the reference broker by itself",
		Long: `broker runs the reference broker until it is interrupted, and prints where it listens.

It is meant for tests: everything is in memory, and everybody may do everything unless --user or --config say otherwise.`,
		Example: `  mqttspec broker
  mqttspec broker --listen tcp://127.0.0.1:0 --listen ws://127.0.0.1:0
  mqttspec broker --listen tls://127.0.0.1:8883 --user me:secret
  mqttspec broker --defect will-never-published
  mqttspec broker --profile aws-iot-core --rule 'last/will/topic => lwt/executed'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), watched...)
			defer stop()
			o.listenGiven = cmd.Flags().Changed("listen")
			return runBroker(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&o.listen, "listen", "l", []string{"tcp://127.0.0.1:1883"}, "where to listen: tcp, tls, ws or wss (repeatable)")
	f.StringVarP(&o.config, "config", "c", "", "YAML file with limits, users, access rules, defects and tolerances")
	f.StringVar(&o.profile.name, "profile", "", "behave as a hosted service: aws-iot-core, or a YAML file; listens where the profile says unless --listen does")
	f.StringArrayVar(&o.profile.rules, "rule", nil, "act on messages: \"FILTER => TOPIC\" republishes, \"FILTER => URL\" posts (repeatable)")
	f.StringArrayVar(&o.defects, "defect", nil, "break one statement; \"mqttspec list defects\" (repeatable)")
	f.StringArrayVar(&o.tolerances, "tolerance", nil, "make a choice that the standard allows; \"mqttspec list tolerances\" (repeatable)")
	f.StringArrayVar(&o.users, "user", nil, "let in only these: name:password (repeatable)")
	f.StringVar(&o.cert, "cert", "", "certificate for tls and wss, in PEM (default: one of a test authority made for this run)")
	f.StringVar(&o.key, "key", "", "its private key")
	f.StringVar(&o.profile.clientCA, "client-ca", "", "issuer of client certificates, in PEM, where a profile demands them (default: the test authority; with --cert, anybody)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell of connections that end in an error")
	completeNames(cmd, "defect", func() (names []string) {
		for _, d := range broker.Defects() {
			names = append(names, d.Name)
		}
		return names
	})
	completeNames(cmd, "tolerance", func() (names []string) {
		for _, t := range broker.Tolerances() {
			names = append(names, t.Name)
		}
		return names
	})
	return cmd
}

// completeNames tells the shell the names that a flag takes.
func completeNames(cmd *cobra.Command, flag string, names func() []string) {
	complete(cmd, flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return names(), cobra.ShellCompDirectiveNoFileComp
	})
}

// level is what the broker's log shows.
func (o brokerOptions) level() slog.Level {
	if o.verbose {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
