package pipeline

import "strings"

// A Level says how far a column beside the text is believed.
type Level string

const (
	// High: it decides where the text is silent; where the two disagree, the
	// record says so.
	High Level = "high"
	// Low: it speaks along with the text and never against it. The default.
	Low Level = "low"
	// None: it is kept for people, and nothing is concluded from it.
	None Level = "none"
)

// Nouns that a Trust names: those of a catalog binding.
const (
	NounText         = "text"
	NounCategory     = "category"
	NounManufacturer = "manufacturer"
	NounPartNumber   = "partNumber"
	NounUnitOfMeas   = "unitOfMeasure"
	NounPackQuantity = "packQuantity"
	NounProcurement  = "procurementGroup"
	NounGroup        = "materialGroup"
	NounPlant        = "plant"
	NounLanguage     = "language"
)

// A Trust says how far the parts of an item are believed, where that is not Low
// (of the text: not High): NOUN=LEVEL words in the order of their names, such
// as "category=high plant=none".
type Trust string

// Of is the level of a noun.
func (t Trust) Of(noun string) Level {
	for s := string(t); s != ""; {
		word, rest, _ := strings.Cut(s, " ")
		if name, level, ok := strings.Cut(word, "="); ok && name == noun {
			return Level(level)
		}
		s = rest
	}
	if noun == NounText {
		return High
	}
	return Low
}

// Believed is m without the columns that nothing may be concluded from.
func (m Meta) Believed() Meta {
	if !strings.Contains(string(m.Trust), "=none") {
		return m
	}
	for noun, column := range map[string]*string{
		NounCategory: &m.Category, NounManufacturer: &m.Manufacturer, NounPartNumber: &m.PartNumber, NounUnitOfMeas: &m.UnitOfMeas,
		NounPackQuantity: &m.PackQuantity, NounProcurement: &m.Procurement, NounGroup: &m.Group, NounPlant: &m.Plant, NounLanguage: &m.Language,
	} {
		if m.Trust.Of(noun) == None {
			*column = ""
		}
	}
	return m
}
