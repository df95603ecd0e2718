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
    /// Of the search at hand: the cheapest way to each column and the row that it comes from.
    shortest: Vec<f64>,
    from: Vec<usize>,
    seen_rows: Vec<bool>,
    seen_columns: Vec<bool>,
    remaining: Vec<usize>,
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
            shortest: vec![0.0; columns],
            from: vec![0; columns],
            seen_rows: vec![false; rows],
            seen_columns: vec![false; columns],
            remaining: Vec::with_capacity(columns),
        };
        for row in 0..rows {
            if let Some((end, price)) = solver.search(row) {
                solver.settle(row, price);
                solver.augment(row, end);
            }
        }
        solver.column_of
    }

    /// The cheapest way from `start` to a free column, and its price.
    fn search(&mut self, start: usize) -> Option<(usize, f64)> {
        self.remaining.clear();
        // Reversed, so that a constant matrix gives the identity.
        self.remaining.extend((0..self.costs.columns).rev());
        self.seen_rows.fill(false);
        self.seen_columns.fill(false);
        self.shortest.fill(f64::INFINITY);
        let (mut row, mut price) = (start, 0.0);
        loop {
            self.seen_rows[row] = true;
            let (mut next, mut lowest) = (None, f64::INFINITY);
            let costs = &self.costs.values[row * self.costs.columns..][..self.costs.columns];
            for (at, &column) in self.remaining.iter().enumerate() {
                let reach = price + costs[column] - self.row_prices[row] - self.column_prices[column];
                if reach < self.shortest[column] {
                    self.from[column] = row;
                    self.shortest[column] = reach;
                }
                let shortest = self.shortest[column];
                // Of equal ones a free column is taken.
                if shortest < lowest || (shortest == lowest && self.row_of[column].is_none()) {
                    (next, lowest) = (Some(at), shortest);
                }
            }
            let at = next.filter(|_| lowest < f64::INFINITY)?;
            price = lowest;
            let column = self.remaining.swap_remove(at);
            self.seen_columns[column] = true;
            match self.row_of[column] {
                None => return Some((column, price)),
                Some(taken) => row = taken,
            }
        }
    }

    fn settle(&mut self, start: usize, price: f64) {
        self.row_prices[start] += price;
        for row in (0..self.costs.rows).filter(|&row| row != start && self.seen_rows[row]) {
            if let Some(column) = self.column_of[row] {
                self.row_prices[row] += price - self.shortest[column];
            }
        }
        for column in (0..self.costs.columns).filter(|&column| self.seen_columns[column]) {
            self.column_prices[column] -= price - self.shortest[column];
        }
    }

    fn augment(&mut self, start: usize, end: usize) {
        let mut column = end;
        loop {
            let row = self.from[column];
            self.row_of[column] = Some(row);
            let before = self.column_of[row].replace(column);
            match before {
                Some(before) if row != start => column = before,
                _ => return,
            }
        }
    }
}
