"""Field trials: photos joined to plots and treatments, incidence, severity and disease progress."""
