// Package page is the look that every page of the project has: those that the
// server answers with, and the reports that are one file and open offline.
//
// Style is the one stylesheet: its colours are tokens with a light and a dark
// value, each text at least 4.5:1 against what it stands on. Parts are templates
// that any page may use: a line over time, bars of a distribution, a text with
// marked places. They take plain values that Line, Bars and Marked compute, since
// templates are filled by package fill, which calls nothing. Nothing here needs an
// inline style or script, so that a strict content security policy holds.
//
// What comes from outside goes through Text: characters that a reader would not
// see, or that turn the direction of what follows, become visible, and a long text
// is cut with a note of how much is missing.
package page
