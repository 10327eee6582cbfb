module plinth.internal/pause

go 1.24.0
