package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/reports"
)

func newReportCommand() *cobra.Command {
	report := &cobra.Command{
		Use:   "report",
		Short: "Work on reports of earlier runs",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var out string
	render := &cobra.Command{
		Use:   "render DIR",
		Short: "Make the outputs anew from what is in a directory",
		Long: `render makes the outputs anew from the result.json in a directory. A run that was killed leaves none: then
they are made from its rows.jsonl, and what had not ended is inconclusive.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to := out
			if to == "" {
				to = args[0]
			}
			written, err := renderReport(args[0], to)
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
	render.Flags().StringVarP(&out, "out", "o", "", "directory for the outputs (default DIR)")
	report.AddCommand(render, newMergeCommand())
	return report
}

// renderReport reads the record in one directory and writes every output into another. The record itself stays as it
// is, down to its bytes, where both are the same.
func renderReport(from, to string) ([]string, error) {
	if info, err := os.Stat(from); err == nil && !info.IsDir() && filepath.Base(from) == string(reports.JSON) {
		from = filepath.Dir(from)
	}
	result, err := reports.ReadResult(filepath.Join(from, string(reports.JSON)))
	recorded := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		result, err = resultOfRows(from)
	}
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	formats := reports.Formats()
	if recorded && filepath.Clean(from) == filepath.Clean(to) {
		formats = slices.DeleteFunc(formats, func(f reports.Format) bool { return f == reports.JSON })
	}
	written, err := reports.Write(to, result, formats...)
	if err != nil {
		return written, &exitError{exitUsage, err}
	}
	return written, nil
}

// resultOfRows makes the result of a run from its rows alone.
func resultOfRows(dir string) (reports.Result, error) {
	diary, err := reports.ReadDiary(filepath.Join(dir, rowsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return reports.Result{}, fmt.Errorf("there is neither %s nor %s in %s", reports.JSON, rowsFile, dir)
	}
	if err != nil {
		return reports.Result{}, err
	}
	return diary.Result(), nil
}

func newMergeCommand() *cobra.Command {
	var out string
	merge := &cobra.Command{
		Use:   "merge RESULT...",
		Short: "Make one report of several: of shards, or of runs against several targets",
		Long: `merge takes results, each a result.json or a report's directory, and makes one report of them. Where several have the
same spec on the same target, the worse outcome stays.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var results []reports.Result
			for _, path := range args {
				r, err := readFormer(path)
				if err != nil {
					return err
				}
				results = append(results, r)
			}
			merged, err := reports.Merge(results...)
			if err != nil {
				return usageOf(err)
			}
			written, err := reports.Write(out, merged)
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return usageOf(err)
		},
	}
	merge.Flags().StringVarP(&out, "out", "o", "mqttspec-report", "directory for the report")
	return merge
}
