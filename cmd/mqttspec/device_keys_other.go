//go:build !linux

package main

import "os"

// singleKeys leaves the terminal as it is: keys need Enter.
func singleKeys(*os.File) (restore func()) { return func() {} }
