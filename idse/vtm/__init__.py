"""The engine `vtm`, which patches and runs a user's checkout of VTM."""
