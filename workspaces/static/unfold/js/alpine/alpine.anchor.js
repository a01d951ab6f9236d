// As chart.js.
