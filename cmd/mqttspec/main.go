// Mqttspec judges whether an MQTT broker keeps the promises of the standard, also when the network and the process do
// not behave. "mqttspec help" lists the commands; docs/cli.md describes them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "unknown"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code. A failure is one line on stderr; only a defect of our own
// shows a stack.
func run(args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "mqttspec: this is a defect of mqttspec, please report it: %v\n%s", p, debug.Stack())
			code = exitDefect
		}
	}()
	result := &sink{w: stdout}
	root := newRoot(result, stderr)
	root.SetArgs(args)
	err := root.Execute()
	unwritten := result.failure()
	if unwritten != nil && errors.Is(err, unwritten) {
		err = nil // it is told below
	}
	if err != nil && err.Error() != "" {
		tell(stderr, err)
	}
	if unwritten == nil {
		return codeOf(err)
	}
	tell(stderr, fmt.Errorf("the result cannot be written: %w", unwritten))
	return gravest(codeOf(err), exitUsage)
}

// tell writes an error as one line. What an error shows below its first line, such as the end of a broker's log or a
// place in a file, follows as it is.
func tell(w io.Writer, err error) {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	fmt.Fprintln(w, "mqttspec: "+printable(lines[0]))
	for _, line := range lines[1:] {
		fmt.Fprintln(w, "  "+plain(line))
	}
}

// newRoot makes the tree of commands.
func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "mqttspec",
		Short: "Does an MQTT implementation keep the promises of the standard?",
		Long: `mqttspec judges an MQTT broker by the normative statements of MQTT 5.0 and 3.1.1, with evidence,
also when the network and the process do not behave.

    mqttspec run                                   against the reference broker in this program
    mqttspec run --target tcp://127.0.0.1:1883     against a broker that is running
    mqttspec run --target docker:mosquitto         against a broker in a container of its own

Every flag can also be given as MQTTSPEC_<FLAG> in the environment or in mqttspec.yaml in the working directory.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return applySettings(cmd, os.Environ(), settingsFile) },
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q%s", args[0], nearMisses(nearest(args[0], namesOfCommands(cmd))))
			}
			return cmd.Help()
		},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; %q lists the flags", err, cmd.CommandPath()+" --help")
	})
	root.AddCommand(newRunCommand(), newBrokerCommand(), newNetfaultCommand(), newListCommand(), newExplainCommand(),
		newReportCommand(), newBaselineCommand(), newDiffCommand(), newDeviceCommand(), newDoctorCommand(), newVersionCommand())
	return root
}

// namesOfCommands returns the names of the commands right below one.
func namesOfCommands(c *cobra.Command) (names []string) {
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

// nearMisses ends a sentence about something unknown.
func nearMisses(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; near it: " + strings.Join(names, ", ")
}
