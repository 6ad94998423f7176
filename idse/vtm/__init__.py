"""The engine `vtm`: a user's own checkout of VTM, patched in place, recognised, run."""
