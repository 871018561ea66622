package main

import (
	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/reports"
)

func newDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say what changed between two runs, in Markdown",
		Long: `diff compares two results, each a result.json or a report's directory, case by case: each spec in each version of MQTT,
and each statement that monitors judged. Targets are told apart by their names; where each result has a single one, as
two versions of a broker, these are compared. It ends with 1 if something regressed: it fails and did not before, or
was not there before.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := readFormer(args[0])
			if err != nil {
				return err
			}
			after, err := readFormer(args[1])
			if err != nil {
				return err
			}
			d := reports.Compare(before, after)
			if err := reports.WriteDiff(cmd.OutOrStdout(), d); err != nil {
				return err
			}
			if len(d.Regressed) > 0 {
				return &exitError{code: exitFailures}
			}
			return nil
		},
	}
}
