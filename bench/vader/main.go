// Vader measures VADER, a sentiment lexicon for social media, and prescale on the same
// labelled sentences, as `pipeline eval prescale` measures prescale. It is a module of its
// own, so that the program does not depend on VADER.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"

	"github.com/jonreiter/govader"

	"catalyst/internal/news"
	"catalyst/stages/prescale"
	"catalyst/stages/prescale/labelled"
)

// polar is what VADER's authors call neither positive nor negative below.
const polar = 0.05

func main() {
	half := flag.String("half", "", "even or odd: only the sentences whose hash is so")
	flag.Parse()
	if flag.NArg() == 0 || *half != "" && *half != "even" && *half != "odd" {
		fmt.Fprintln(os.Stderr, "usage: vader [-half even|odd] FILE…")
		os.Exit(2)
	}
	if err := run(flag.Args(), *half); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string, half string) error {
	scale, err := prescale.NewScale(prescale.DefaultConfig)
	if err != nil {
		return err
	}
	vader := govader.NewSentimentIntensityAnalyzer()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		sentences, err := labelled.Read(text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if half != "" {
			sentences = labelled.Half(sentences, half == "odd")
		}
		fmt.Printf("== %s: prescale\n", file)
		labelled.Measure(sentences, func(text string) labelled.Opinion {
			v, _ := scale.Weigh(&news.Item{Title: text}) // fails of no condition: there is none
			return labelled.Opinion{Reach: scale.Reach(v), Score: v.Score, Goes: v.Drop == ""}
		}).Print(os.Stdout)
		fmt.Printf("\n== %s: VADER, |compound| ≥ %.2f\n", file, polar)
		labelled.Measure(sentences, func(text string) labelled.Opinion {
			compound := vader.PolarityScores(text).Compound
			return labelled.Opinion{Reach: math.Abs(compound), Score: compound, Goes: math.Abs(compound) >= polar}
		}).Print(os.Stdout)
		fmt.Println()
	}
	return nil
}
