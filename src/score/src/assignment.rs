//! The cheapest one-to-one assignment of rows to columns: SciPy's `linear_sum_assignment`, which takes shortest
//! augmenting paths (Crouse 2016). Of several cheapest assignments it finds SciPy's own.

/// A matrix of costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Costs {
    /// The matrix of `rows` x `columns` whose values `cost` gives for each row and column. They must be finite:
    /// [`assign`] leaves the rows out that it cannot assign.
    pub fn new(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Self {
        let values = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        Costs { rows, columns, values: values.map(|(row, column)| cost(row, column)).collect() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The cost of giving `row` to `column`.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    fn transposed(&self) -> Costs {
        Costs::new(self.columns, self.rows, |row, column| self.at(column, row))
    }
}

/// Pairs of row and column in order of rows, as many as the shorter side has, at the least sum of costs.
pub fn assign(costs: &Costs) -> Vec<(usize, usize)> {
    if costs.columns >= costs.rows {
        return Solver::solve(costs).into_iter().enumerate().filter_map(|(row, to)| Some((row, to?))).collect();
    }
    let given = Solver::solve(&costs.transposed());
    let mut pairs: Vec<_> = given.into_iter().enumerate().filter_map(|(column, row)| Some((row?, column))).collect();
    pairs.sort_unstable();
    pairs
}

/// The state of the method: prices of rows and columns, and what is assigned so far.
struct Solver<'a> {
    costs: &'a Costs,
    row_prices: Vec<f64>,
    column_prices: Vec<f64>,
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    search: Search,
}

/// One search for the cheapest way to a free column. All columns are looked at in one sweep without branches; those
/// that were reached take no part in it, since their prices and distances are infinite here.
struct Search {
    /// The cheapest way to each column so far; infinite once it is reached.
    distances: Vec<f64>,
    /// The price of each column; minus infinity once it is reached.
    prices: Vec<f64>,
    /// The row that the cheapest way to each column comes from.
    from: Vec<usize>,
    /// The columns that are left, in SciPy's order, on which it depends which of equal ones is taken.
    remaining: Vec<usize>,
    /// Where in `remaining` each column is.
    places: Vec<usize>,
    /// The columns that were reached, with their distance.
    columns: Vec<(usize, f64)>,
}

impl Search {
    fn new(columns: usize) -> Self {
        Search {
            distances: vec![0.0; columns],
            prices: vec![0.0; columns],
            from: vec![0; columns],
            remaining: Vec::with_capacity(columns),
            places: vec![0; columns],
            columns: Vec::new(),
        }
    }

    fn reset(&mut self, prices: &[f64]) {
        self.distances.fill(f64::INFINITY);
        self.prices.copy_from_slice(prices);
        self.remaining.clear();
        // Reversed, so that a constant matrix gives the identity.
        self.remaining.extend((0..prices.len()).rev());
        for (place, &column) in self.remaining.iter().enumerate() {
            self.places[column] = place;
        }
        self.columns.clear();
    }

    /// Takes the ways over `row`, reached at `price`, into account; gives the least distance of all columns.
    fn sweep(&mut self, row: usize, price: f64, row_price: f64, costs: &[f64]) -> f64 {
        let mut lowest = f64::INFINITY;
        let columns = self.distances.iter_mut().zip(&mut self.from).zip(self.prices.iter().zip(costs));
        for ((distance, from), (column_price, cost)) in columns {
            let reach = price + cost - row_price - column_price;
            let better = reach < *distance;
            *distance = if better { reach } else { *distance };
            *from = if better { row } else { *from };
            lowest = if *distance < lowest { *distance } else { lowest };
        }
        lowest
    }

    /// Of the columns at distance `lowest` the last free one, or else the first.
    fn nearest(&self, lowest: f64, row_of: &[Option<usize>]) -> Option<usize> {
        let at_lowest = self.distances.iter().enumerate().filter(|(_, distance)| **distance == lowest);
        let ranked = at_lowest.map(|(column, _)| match row_of[column] {
            None => ((1, self.places[column]), column),
            Some(_) => ((0, self.places.len() - self.places[column]), column),
        });
        ranked.max().map(|(_, column)| column)
    }

    /// Marks a column as reached.
    fn reach(&mut self, column: usize) {
        self.columns.push((column, self.distances[column]));
        self.distances[column] = f64::INFINITY;
        self.prices[column] = f64::NEG_INFINITY;
        let place = self.places[column];
        self.remaining.swap_remove(place);
        if let Some(&moved) = self.remaining.get(place) {
            self.places[moved] = place;
        }
    }
}

impl<'a> Solver<'a> {
    /// The column of each row; there must be at least as many columns as rows.
    fn solve(costs: &'a Costs) -> Vec<Option<usize>> {
        let (rows, columns) = (costs.rows, costs.columns);
        let mut solver = Solver {
            costs,
            row_prices: vec![0.0; rows],
            column_prices: vec![0.0; columns],
            column_of: vec![None; rows],
            row_of: vec![None; columns],
            search: Search::new(columns),
        };
        for row in 0..rows {
            if let Some((end, price)) = solver.find(row) {
                solver.settle(row, price);
                solver.augment(row, end);
            }
        }
        solver.column_of
    }

    /// The cheapest way from `start` to a free column, and its price.
    fn find(&mut self, start: usize) -> Option<(usize, f64)> {
        let search = &mut self.search;
        search.reset(&self.column_prices);
        let (mut row, mut price) = (start, 0.0);
        loop {
            let costs = &self.costs.values[row * self.costs.columns..][..self.costs.columns];
            price = search.sweep(row, price, self.row_prices[row], costs);
            if price == f64::INFINITY {
                return None;
            }
            let column = search.nearest(price, &self.row_of)?;
            search.reach(column);
            match self.row_of[column] {
                None => return Some((column, price)),
                Some(taken) => row = taken,
            }
        }
    }

    fn settle(&mut self, start: usize, price: f64) {
        self.row_prices[start] += price;
        for &(column, distance) in &self.search.columns {
            if let Some(row) = self.row_of[column] {
                self.row_prices[row] += price - distance;
            }
            self.column_prices[column] -= price - distance;
        }
    }

    fn augment(&mut self, start: usize, end: usize) {
        let mut column = end;
        loop {
            let row = self.search.from[column];
            self.row_of[column] = Some(row);
            let before = self.column_of[row].replace(column);
            match before {
                Some(before) if row != start => column = before,
                _ => return,
            }
        }
    }
}
